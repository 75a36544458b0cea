"""Bad input ends in a clear error before anything changes: it names host, variable, what was found and what was wanted."""

from __future__ import annotations

import functools
import http.server
import os
import subprocess
import threading

import pytest

CHECK = "playbooks/inventory_check.yml"
GOOD = {
    "platform_size": "minimal",
    "platform_node_cidr": "10.0.0.0/24",
    "platform_api_vip": "10.0.0.10",
    "platform_load_balancer_pool": {"start": "10.0.0.200", "stop": "10.0.0.239"},
}
HOST = {"ansible_host": "10.0.0.11"}
HERE = {"ansible_connection": "local", "ansible_host": "127.0.0.1"}
HERE_GOOD = {
    **GOOD,
    "platform_size": "lab",
    "platform_node_cidr": "127.0.0.0/8",
    "platform_api_vip": "127.0.0.10",
    "platform_load_balancer_pool": {"start": "127.0.1.1", "stop": "127.0.1.9"},
    "platform_pod_encryption": "none",
    "preflight_tolerate": ["cgroup", "distribution", "ports", "fsync", "cpu", "disk_size", "disk_type", "memory"],
}
PREFLIGHT = [
    {
        "hosts": "nodes",
        "gather_facts": False,
        "roles": ["preflight"],
        "tasks": [{"name": "The others go on", "ansible.builtin.debug": {"msg": "went on"}}],
    }
]


def says(result, *parts):
    """Assert that the run failed and that one row of its table holds all parts."""
    text = result.stdout + result.stderr
    assert result.returncode != 0, text
    rows = [" ".join(line.split()) for line in result.stdout.splitlines()]
    assert any(all(part in row for part in parts) for row in rows), text
    return text


@pytest.mark.parametrize(
    ("control_plane", "changes", "host", "what", "found", "wanted"),
    [
        pytest.param({"a": HOST}, {"platform_size": "huge"}, "site", "platform_size", "huge", "one of lab", id="unknown topology"),
        pytest.param({"a": HOST}, {"deploy_mode": "storage"}, "site", "deploy_mode", "storage", "one of full", id="unknown mode"),
        pytest.param({}, {}, "site", "group", "no host", "at least one control plane", id="no control plane"),
        pytest.param(
            {"a": HOST, "b": {"ansible_host": "10.0.0.12"}}, {}, "site", "group control_plane", "2: a, b", "odd", id="two control planes"
        ),
        pytest.param(
            {name: {"ansible_host": f"10.0.0.1{index}"} for index, name in enumerate("abcd", 1)},
            {},
            *("site", "group control_plane", "4: a, b, c, d", "odd"),
            id="four control planes",
        ),
        pytest.param(
            {"a": HOST, "b": HOST, "c": {"ansible_host": "10.0.0.13"}},
            {},
            *("b", "ansible_host", "10.0.0.11, also the address of a", "of its own"),
            id="duplicate address",
        ),
        pytest.param({"a": {"ansible_host": "10.9.0.1"}}, {}, "a", "ansible_host", "10.9.0.1", "platform_node_cidr", id="address outside"),
        pytest.param(
            {"a": HOST},
            {"platform_pod_cidr": "10.0.0.0/16"},
            *("site", "platform_node_cidr", "10.0.0.0/24 overlaps platform_pod_cidr", "apart"),
            id="overlapping networks",
        ),
        pytest.param(
            {"a": HOST},
            {"artifacts_versions": {"kubernetes": "1.30.0"}},
            *("site", "artifacts_files.", "nothing that pins it", "has no version in artifacts_versions"),
            id="version without checksum",
        ),
        pytest.param({"10023": HOST}, {}, "10023", "inventory_hostname", "10023", "letters", id="host name of digits"),
        pytest.param(
            {"a": HOST},
            {"platform_pod_cdir": "10.50.0.0/16"},
            "site",
            "platform_pod_cdir",
            "nothing reads",
            "Did you mean",
            id="typing error",
        ),
        pytest.param(
            {"a": {**HOST, "kubelet_max_pods": "many"}}, {}, "a", "kubelet_max_pods", "many", "a whole number", id="value of one host"
        ),
        pytest.param(
            {"a": HOST}, {"kube_version": "1.36.4"}, "site", "kube_version", "1.36.4", "artifacts_versions", id="removed variable"
        ),
    ],
)
def test_a_wrong_inventory_is_refused(site, play, control_plane, changes, host, what, found, wanted):
    text = says(play(site(control_plane, **{**GOOD, **changes}), CHECK), host, what, found, wanted)
    assert "No machine was contacted" in text


@pytest.mark.parametrize("playbook", ["playbooks/tiers/02-storage.yml", "playbooks/tiers/03-messaging.yml", "playbooks/verify.yml"])
def test_an_unknown_mode_is_refused_by_whatever_reads_it(site, play, playbook):
    text = says(play(site({"a": HOST}, **{**GOOD, "deploy_mode": "storage"}), playbook), "site", "deploy_mode", "storage", "one of full")
    assert "No machine was contacted" in text


def test_all_findings_come_in_one_run(site, play):
    result = play(site({"a": HOST, "b": HOST}, **{**GOOD, "platform_size": "huge", "platform_api_vip": "10.0.0.11"}), CHECK)
    says(result, "site", "platform_size")
    says(result, "b", "ansible_host")
    says(result, "a", "platform_api_vip")
    says(result, "group control_plane")


@pytest.mark.parametrize("name", ["minimal", "recommended", "prod"])
def test_a_site_without_its_mirror_is_told_what_is_missing(project, play, name):
    """The sites of this repository, as they come."""
    text = " ".join(says(play(project / "inventories" / name, CHECK), "site", "artifacts_lock_file", "lock.json").split())
    assert all(image in text for image in ("postgres", "toolbox", "kafka", "minio")) and "kube_apiserver" not in text


def test_the_inventorys_group_all_is_refused(site, play):
    inventory = site({"a": HOST}, **GOOD)
    (inventory / "group_vars/all").unlink()  # stands for a test's link to the shared values
    (inventory / "group_vars/all.yml").write_text("platform_domain: example.com\n")
    says(play(inventory, CHECK), "site", "platform_domain", "the inventory's group all", "group_vars/site/")


@pytest.mark.parametrize("vip", ["10.0.0.10", "{{ hostvars[groups['control_plane'][0]].ansible_host[:-1] }}0"])
def test_a_good_inventory_passes(site, play, vip):
    result = play(site({"a": HOST}, **GOOD | {"platform_api_vip": vip}), CHECK)
    assert result.returncode == 0, result.stdout


def test_a_wrong_vault_password_is_refused(site, play, tmp_path):
    inventory = site({"a": HOST}, **GOOD)
    passwords = {name: tmp_path / name for name in ("old", "new")}
    for name, path in passwords.items():
        path.write_text(f"{name}\n")
        path.chmod(0o600)
    secrets = inventory / "credentials/secrets.yml"
    secrets.parent.mkdir(mode=0o700)
    secrets.write_text("postgresql_superuser: not in the output\n")
    with_old = {**os.environ, "ANSIBLE_VAULT_PASSWORD_FILE": str(passwords["old"])}
    subprocess.run(["ansible-vault", "encrypt", secrets], check=True, cwd=tmp_path, env=with_old)
    text = says(
        play(inventory, CHECK, VOICEHELPER_VAULT_PASSWORD_FILE=str(passwords["new"])),
        *("site", "credentials/secrets.yml", "wrong vault password"),
    )
    assert "VOICEHELPER_VAULT_PASSWORD_FILE" in text
    assert play(inventory, CHECK, VOICEHELPER_VAULT_PASSWORD_FILE=str(passwords["old"])).returncode == 0


@pytest.fixture
def mirror(tmp_path):
    """An empty mirror on this machine; its URL, and the folder it serves."""
    folder = tmp_path / "mirror"
    folder.mkdir()

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            """Say nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=folder)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", folder
        server.shutdown()


def test_this_machine_passes_what_it_can(site, play, mirror):
    result = play(site({"here": HERE}, **HERE_GOOD, artifacts_base_url=mirror[0]), PREFLIGHT)
    assert result.returncode == 0, result.stdout
    assert "went on" in result.stdout


def test_too_small_a_machine_is_refused(site, play, mirror):
    big = {"machine": {"control_plane": {"cpu": 4096, "memory_gib": 99999, "disk_gib": 999999, "disk_type": "any"}}}
    changes = {"sizing_classes": {"lab": big}, "preflight_tolerate": ["cgroup", "distribution", "ports", "fsync"]}
    result = play(site({"here": HERE}, **{**HERE_GOOD, **changes, "artifacts_base_url": mirror[0]}), PREFLIGHT)
    for what, wanted in (("cpu", "4096"), ("memory", "99999"), ("disk", "999999")):
        text = says(result, "here", what, f"{wanted} ")
    assert "Nothing was changed" in text
    assert "went on" not in result.stdout


def test_a_missing_disk_is_refused(site, play, mirror):
    disks = [{"device": "/dev/no-such-disk"}]
    result = play(site({"here": HERE}, **HERE_GOOD, artifacts_base_url=mirror[0], data_disks_devices=disks), PREFLIGHT)
    says(result, "here", "data_disks_devices", "no disk /dev/no-such-disk", "a block device")


@pytest.fixture
def used_disk(tmp_path):
    """A block device with somebody's file system on it."""
    image = tmp_path / "disk"
    image.touch()
    subprocess.run(["truncate", "--size=64M", image], check=True)
    subprocess.run(["/usr/sbin/mkfs.ext4", "-q", "-L", "precious", image], check=True)
    device = subprocess.run(["losetup", "--find", "--show", image], check=True, capture_output=True, text=True).stdout.strip()
    yield device
    subprocess.run(["losetup", "--detach", device], check=True)


def test_a_disk_with_data_is_refused(site, play, mirror, used_disk):
    disks = [{"device": used_disk}]
    result = play(site({"here": HERE}, **HERE_GOOD, artifacts_base_url=mirror[0], data_disks_devices=disks), PREFLIGHT)
    says(result, "here", "data_disks_devices", "ext4 labelled precious", "a blank disk")


def test_an_artifact_source_out_of_reach_is_refused(site, play):
    result = play(site({"here": HERE}, **HERE_GOOD, artifacts_base_url="http://127.0.0.1:9"), PREFLIGHT)
    says(result, "here", "artifacts http://127.0.0.1:9", "onnection refused", "an answer")


def test_an_unreachable_host_is_named_and_the_others_go_on(site, play, mirror):
    gone = {"ansible_host": "127.9.9.9", "ansible_port": 9}
    result = play(site({"here": HERE}, {"gone": gone}, **HERE_GOOD, artifacts_base_url=mirror[0]), PREFLIGHT)
    says(result, "gone", "machine", "no answer", "one that answers")
    assert "went on" in result.stdout
    assert "UNREACHABLE, left out of this run: gone" in result.stdout


def test_a_skipped_minor_version_is_refused(site, play, mirror):
    look = {
        "hosts": "nodes",
        "gather_facts": False,
        "tasks": [{"ansible.builtin.include_role": {"name": "preflight", "tasks_from": "probe"}}],
    }
    running = "{{ preflight_node | combine({'kubernetes': {'joined': true, 'api_server': '1.34.2', 'kubelet': '1.34.2'}}) }}"
    limits = {"clock_seconds": 10, "fsync_warning_ms": 1000, "fsync_error_ms": 1000}
    judge = {
        "hosts": "nodes",
        "gather_facts": False,
        "tasks": [
            {"ansible.builtin.set_fact": {"preflight_node": running}},
            {"preflight_report": {"probe": "preflight_node", "limits": limits}},
        ],
    }
    result = play(site({"here": HERE}, **HERE_GOOD, artifacts_base_url=mirror[0]), [look, judge])
    says(result, "here", "api server version", "1.34.2, and 1.36.4 is asked for", "at most 1.35 in one step")


def test_a_wrong_checksum_is_refused_and_nothing_is_installed(site, play, mirror, tmp_path):
    url, folder = mirror
    (folder / "tool").write_text("not what the catalogue knows\n")
    target = tmp_path / "installed/tool"
    item = {"url": f"{url}/tool", "sha256": "0" * 64, "dest": str(target), "mode": "0755"}
    install = [
        {
            "hosts": "nodes",
            "gather_facts": False,
            "tasks": [{"node_artifacts": {"artifacts": [item], "state_dir": str(tmp_path / "state")}}],
        }
    ]
    result = play(site({"here": HERE}, **HERE_GOOD), install)
    text = result.stdout + result.stderr
    assert result.returncode != 0, text
    assert "here" in text and f"{url}/tool" in text and "0" * 64 in text
    assert not target.exists()
