"""start.sh of RabbitMQ, with programs in place of the server and its client: whom a member asks to forget the one that it was."""

from __future__ import annotations

import os
import signal
import subprocess

import pytest

from tests.scenarios import PROJECT

MEMBER = "rabbit@rabbitmq-1.pods.space"
PROGRAMS = {
    # Of the others, the last one listens.
    "timeout": 'shift; if [ "$1" = bash ]; then case "$3" in *rabbitmq-2.*) exit 0;; *) exit 1;; esac; fi; exec "$@"',
    "rabbitmqctl": 'echo "$@" >>"$HOME/asked"',
    "rabbitmq-server": 'echo started >>"$HOME/asked"',
    "cp": "",
    "sleep": "exit 1",  # nothing is looked at later
}


@pytest.mark.parametrize(
    ("data", "asked"),
    [
        (True, ["started"]),
        (False, [f"--quiet --node rabbit@rabbitmq-2.pods.space forget_cluster_node {MEMBER}", "started"]),
    ],
)
def test_a_member_with_an_empty_disk_is_forgotten_by_one_that_answers_before_it_starts(tmp_path, data, asked):
    for name, text in PROGRAMS.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / name).chmod(0o755)
    if data:
        (tmp_path / "data" / MEMBER).mkdir(parents=True)
    environment = {
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "RABBITMQ_MNESIA_BASE": str(tmp_path / "data"),
        "RABBITMQ_NODENAME": MEMBER,
    }
    script = PROJECT / "roles/rabbitmq/templates/start.sh"
    with subprocess.Popen(["sh", script], env=environment, start_new_session=True) as process:
        try:
            assert process.wait(20) == 0
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
    assert (tmp_path / "asked").read_text().splitlines() == asked
