"""RabbitMQ's members come and go at once, and one keeps a name that all others wait for: a member still starts, by itself."""

from __future__ import annotations

import pytest

from tests.chaos.cluster import kubectl, members, objects, wait

pytestmark = pytest.mark.long

WORKLOAD, KEEPER, STARTED = "rabbitmq", "rabbitmq-0", "rabbitmq-1"
NAME = "{rabbit_ff_controller, global}"
SECONDS = 240


def erlang(expression: str) -> str:
    """What an expression gives on the member that keeps the name."""
    return kubectl("exec", KEEPER, "--", "rabbitmqctl", "--quiet", "eval", f"{expression}.").strip()


def test_a_member_starts_though_another_keeps_the_name_that_it_waits_for():
    wanted = objects("statefulset", WORKLOAD)[0]["spec"]["replicas"]
    assert erlang(f"global:register_name({NAME}, whereis(rabbit_ff_controller))") == "yes"
    try:
        kubectl("delete", "pod", STARTED, seconds=240)
        wait(lambda: sum(member.ready for member in members(WORKLOAD)) == wanted, SECONDS, f"{STARTED} is ready", pause=2)
        assert erlang(f"global:whereis_name({NAME})") == "undefined"
    finally:
        erlang(f"global:unregister_name({NAME})")
    (pod,) = objects("pod", STARTED)
    assert [status["restartCount"] for status in pod["status"]["containerStatuses"]] == [0]
