"""data_volumes: a directory is made, marked and kept, and data of another claim or site are refused before anything is written."""

from __future__ import annotations

import os

import pytest
from ansible.module_utils.node import node_steps, project_quota, volume_marks

from plugins.modules import data_volumes

SITE, CLAIM, OTHER = "5173a0c1b2d4", "space/data-minio-2", "space/data-minio-3"


@pytest.fixture
def disk(tmp_path, run_module, monkeypatch):
    """Run the module on a disk with one volume of MinIO; `disk.place` is its directory."""
    me = {"owner": os.getuid(), "group": os.getgid()}
    monkeypatch.setattr(project_quota, "lacking", lambda _root: "this disk is a folder")

    def run(claim=CLAIM, live=False, site=SITE, check=False):
        volume = {"path": str(run.place), "claim": claim, "size": 1 << 30, "live": live}
        return run_module(data_volumes, check=check, path=str(tmp_path), site=site, volumes=[volume], **me)

    run.place, run.mark, run.failure = tmp_path / "minio/vol-0", tmp_path / "minio/vol-0.claim", run_module.failure
    return run


def test_a_volume_is_made_and_marked_once(disk):
    assert [step.split()[0] for step in disk()["steps"]] == ["make", "write"]
    assert volume_marks.claims(disk.place.parents[1], SITE) == {str(disk.place): CLAIM}
    (disk.place / "drive").touch()
    assert not disk()["changed"]


def test_one_that_nobody_owns_yet_has_no_mark(disk):
    disk(claim="")
    assert disk.place.is_dir() and not disk.mark.exists()


def test_a_check_writes_nothing(disk):
    assert disk(check=True)["changed"]
    assert not disk.place.parent.exists()


@pytest.mark.parametrize("wanted", [OTHER, ""])
def test_data_of_another_member_are_refused(disk, wanted):
    disk()
    before = disk.mark.read_text()
    with pytest.raises(disk.failure) as refusal:
        disk(claim=wanted)
    assert all(word in str(refusal.value) for word in (str(disk.place), CLAIM, "wanted", wanted or "nobody", "remove"))
    assert refusal.value.result["steps"] == [] and disk.mark.read_text() == before


def test_data_of_another_site_are_refused(disk):
    disk()
    with pytest.raises(disk.failure, match=rf"found data of the claim {CLAIM} of the site {SITE}, wanted this site, other"):
        disk(site="other")


def test_data_of_nobody_known_are_refused_unless_the_cluster_knows_them(disk):
    disk.place.mkdir(parents=True)
    (disk.place / "drive").touch()
    with pytest.raises(disk.failure, match=r"data that no .*vol-0.claim gives an owner, .* wanted an empty directory"):
        disk()
    assert not disk.mark.exists()
    assert disk(live=True)["changed"] and disk.mark.exists()  # a site from before there were marks


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"claim": "space/data-minio-2"'])
def test_a_mark_that_cannot_be_read_is_refused(disk, text):
    disk.place.mkdir(parents=True)
    disk.mark.write_text(text)
    with pytest.raises(disk.failure, match="found no mark of a volume"):
        disk()


def test_a_disk_without_quotas_says_so(disk, monkeypatch):
    said = []
    monkeypatch.setattr(data_volumes.AnsibleModule, "warn", lambda _module, text: said.append(text))
    assert disk()["unbounded"] == "this disk is a folder"
    assert len(said) == 1 and said[0].endswith("this disk is a folder")


def test_quotas_bound_volumes_and_what_is_made_on_demand(tmp_path, run_module, monkeypatch):
    """The commands were run on a kernel with quotas: the write beyond the bound ended in "No space left on device"."""
    place, more = tmp_path / "minio/vol-0", tmp_path / "local-path"
    ran = []
    monkeypatch.setattr(project_quota, "lacking", lambda _root: "")
    monkeypatch.setattr(project_quota, "_mount", lambda _root: (str(tmp_path), "xfs", {"prjquota"}))
    monkeypatch.setattr(project_quota, "_projects", lambda _place: {})
    monkeypatch.setattr(project_quota, "_attributes", lambda _path: (0, False))
    monkeypatch.setattr(node_steps.Node, "run", lambda _node, *commands: ran.extend(commands))
    volume = {"path": str(place), "claim": CLAIM, "size": 8 << 20}
    arguments = {"path": str(tmp_path), "site": SITE, "volumes": [volume], "owner": os.getuid(), "group": os.getgid()}
    more.mkdir()
    run_module(data_volumes, bounds={str(more): 16 << 20}, **arguments)
    for directory, size in ((place, 8192), (more, 16384)):
        number = project_quota.project(directory)
        assert ["xfs_quota", "-x", "-c", f"limit -p bhard={size}k {number}", str(tmp_path)] in ran
        assert ["xfs_quota", "-x", "-c", f"project -s -p {directory} {number}", str(tmp_path)] in ran


def test_what_xfs_quota_reports():
    """As version 6.1 printed it."""
    report = (
        "#0                   0          0          0     00 [--------]\n#1597514744          4          0       8192     00 [--------]\n\n"
    )
    assert project_quota.limits(report) == {0: 0, 1597514744: 8192}
