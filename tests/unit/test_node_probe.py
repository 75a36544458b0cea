"""node_probe on the machine that runs the tests: what it sees is really there."""

from __future__ import annotations

import http.server
import os
import socket
import subprocess
import threading
from pathlib import Path

import pytest
from ansible.module_utils.node.probe import hardware, network, software

from plugins.action.node_probe import ActionModule
from plugins.modules import node_probe


@pytest.fixture
def listener():
    """A TCP socket that listens on some port of this machine."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.mark.parametrize(
    ("node", "offset"),
    [
        ((101.0, 108.0), 0.0),  # within our two looks: it may well agree, however slow it was
        ((131.0, 138.0), 28.0),
        ((71.0, 78.0), -29.0),
    ],
)
def test_a_clock_is_wrong_only_when_no_delay_explains_it(node, offset):
    assert ActionModule.offset(100.0, *node, 110.0) == offset


def test_one_call_sees_everything(run_module):
    seen = run_module(node_probe, check=True, address="127.0.0.1", disk_label="voicehelper", disks=[{"device": "/dev/no-such"}])
    assert not seen["changed"]
    assert seen["interface"]["name"] == "lo"
    assert seen["hostname"] == socket.gethostname()
    assert seen["cpus"] >= 1 and seen["memory_gib"] > 0
    assert "found no disk /dev/no-such, wanted a block device" in seen["refused_disks"][0]
    assert seen["fsync_p99_ms"] is None
    assert seen["packet_filter_in_force"] is False
    assert seen["clock"][0] <= seen["clock"][1]


def test_a_held_port_is_named_with_its_program(listener):
    assert list(network.taken([f"{listener}/tcp", f"{listener}/udp"])) == [f"{listener}/tcp"]
    assert network.taken([f"{listener}/tcp"])[f"{listener}/tcp"] != "unknown"


def test_a_refused_connection_is_an_answer_and_a_wrong_name_is_not(listener):
    peers = [{"name": "open", "address": "127.0.0.1", "port": listener}, {"name": "closed", "address": "127.0.0.1", "port": 9}]
    seen = network.reach(["localhost", "no-such.invalid"], peers, [])
    assert seen["peers"] == {}
    assert list(seen["names"]) == ["no-such.invalid"]


def test_resolvers_are_those_of_the_file_that_pods_are_given(run_module, tmp_path):
    (tmp_path / "resolv.conf").write_text("# nameserver 192.0.2.1\nnameserver 127.0.0.1\nsearch example.com\nnameserver fd00::53\n")
    asked = {"address": "127.0.0.1", "disk_label": "voicehelper", "resolv_conf": str(tmp_path / "resolv.conf")}
    assert run_module(node_probe, check=True, **asked)["resolvers"] == ["127.0.0.1", "fd00::53"]


def test_any_answer_to_head_shows_that_the_source_is_reached():
    with http.server.HTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler) as server:  # answers 501
        threading.Thread(target=server.handle_request, daemon=True).start()
        reached, dead = f"http://127.0.0.1:{server.server_port}/", "http://127.0.0.1:9/"
        assert list(network.reach([], [], [reached, dead])["urls"]) == [dead]


def test_the_write_test_leaves_nothing_behind(tmp_path):
    assert hardware.fsync_p99_ms(str(tmp_path / "not/there/yet")) > 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("name", "kind"), [("nvme0n1", "nvme"), ("vda", "virtual"), ("xvdb1", "virtual"), ("loop3", "loop")])
def test_kinds_of_disks_are_told_by_name(name, kind):
    assert hardware.disk_kind(name) == kind


def test_the_version_of_the_api_server_is_read_from_its_manifest(tmp_path, monkeypatch):
    manifest = tmp_path / "manifests/kube-apiserver.yaml"
    manifest.parent.mkdir()
    manifest.write_text("spec:\n  containers:\n  - image: registry.k8s.io/kube-apiserver:v1.35.8\n")
    (tmp_path / "kubelet.conf").touch()
    monkeypatch.setattr(software, "KUBERNETES", tmp_path)
    assert software.kubernetes()["api_server"] == "1.35.8"
    assert software.kubernetes()["joined"]


def test_the_version_of_the_kubelet_is_that_of_the_process(tmp_path, monkeypatch):
    """A shell plays the kubelet: it says its version, and goes on when its file is replaced."""
    kubelet, systemctl = tmp_path / "kubelet", tmp_path / "systemctl"
    kubelet.write_bytes(Path("/bin/bash").resolve().read_bytes())
    kubelet.chmod(0o755)
    version = subprocess.run([kubelet, "--version"], capture_output=True, text=True, check=True).stdout.splitlines()[0]
    with subprocess.Popen([kubelet, "-c", "read"], stdin=subprocess.PIPE) as process:
        systemctl.write_text(f"#!/bin/sh\n[ \"$1 $4\" = 'show kubelet' ] && echo {process.pid}\n")
        systemctl.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
        kubelet.unlink()
        assert software.kubelet_version() == version.rpartition("v")[2]
        process.stdin.close()
