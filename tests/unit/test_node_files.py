"""node_files on the node: what is compared, written, refused, removed."""

import grp
import os
import pwd

import pytest

from plugins.modules import node_files

OWNER = {"owner": pwd.getpwuid(os.getuid()).pw_name, "group": grp.getgrgid(os.getgid()).gr_name}


def entry(path, content="one\n", **more):
    return {"path": str(path), "content": content, **OWNER, **more}


def test_writes_files_and_their_folders(run_module, tmp_path):
    first, second = tmp_path / "a/b/first", tmp_path / "second"
    result = run_module(node_files, files=[entry(first, mode="0600"), entry(second, "two\n")])
    assert result["changed_paths"] == [str(first), str(second)]
    assert first.read_text() == "one\n" and first.stat().st_mode & 0o777 == 0o600
    assert not list(first.parent.glob(".*"))  # no temporary file is left


def test_folders_are_for_all_under_any_umask(run_module, tmp_path):
    """A hardened machine gives its logins 077; programs of other users read what lies below."""
    before = os.umask(0o077)
    try:
        run_module(node_files, files=[entry(tmp_path / "a/b/first")])
    finally:
        os.umask(before)
    assert [(tmp_path / folder).stat().st_mode & 0o777 for folder in ("a", "a/b", "a/b/first")] == [0o755, 0o755, 0o644]


def test_second_run_changes_nothing(run_module, tmp_path):
    files = [entry(tmp_path / "file")]
    run_module(node_files, files=files)
    inode = (tmp_path / "file").stat().st_ino
    assert run_module(node_files, files=files)["changed"] is False
    assert (tmp_path / "file").stat().st_ino == inode


def test_check_mode_tells_and_does_nothing(run_module, tmp_path):
    old = tmp_path / "old"
    old.write_text("x")
    result = run_module(node_files, check=True, files=[entry(tmp_path / "new/file")], absent=[str(old)])
    assert result["changed_paths"] == [str(tmp_path / "new/file"), str(old)]
    assert old.exists() and not (tmp_path / "new").exists()


def test_wrong_mode_alone_is_mended(run_module, tmp_path):
    path = tmp_path / "file"
    path.write_text("one\n")
    path.chmod(0o666)
    result = run_module(node_files, files=[entry(path)])
    assert result["changed"] and result["diff"] == []
    assert path.stat().st_mode & 0o777 == 0o644


def test_diff_shows_both_sides(run_module, tmp_path):
    (tmp_path / "file").write_text("before\n")
    (diff,) = run_module(node_files, files=[entry(tmp_path / "file", "after\n")])["diff"]
    assert (diff["before"], diff["after"]) == ("before\n", "after\n")


def test_a_sensitive_diff_shows_neither(run_module, tmp_path):
    (tmp_path / "file").write_text("old secret")
    (diff,) = run_module(node_files, check=True, files=[entry(tmp_path / "file", "new secret", sensitive=True)])["diff"]
    assert "secret" not in diff["before"] + diff["after"]


def test_absent_removes_files_and_dangling_links(run_module, tmp_path):
    (tmp_path / "file").write_text("x")
    (tmp_path / "link").symlink_to("nowhere")
    names = [str(tmp_path / name) for name in ("file", "link", "never")]
    assert run_module(node_files, absent=names)["changed_paths"] == names[:2]
    assert not list(tmp_path.glob("[fl]*"))


def test_a_folder_in_the_way_is_refused_by_name(run_module, tmp_path):
    (tmp_path / "file").mkdir()
    with pytest.raises(run_module.failure, match="file: found a directory, wanted a file"):
        run_module(node_files, files=[entry(tmp_path / "file")])


def test_what_the_validator_refuses_does_not_replace_the_old_file(run_module, tmp_path):
    path = tmp_path / "script"
    path.write_text("true\n")
    with pytest.raises(run_module.failure, match="the new file was refused by `sh -n %s`"):
        run_module(node_files, files=[entry(path, "if\n")], validate={str(path): "sh -n %s"})
    assert path.read_text() == "true\n"


def test_what_the_validator_accepts_is_written(run_module, tmp_path):
    path = tmp_path / "script"
    run_module(node_files, files=[entry(path, "exit 0\n")], validate={str(path): "sh -n %s"})
    assert path.read_text() == "exit 0\n"


def test_an_unknown_owner_is_an_error_that_names_the_file(run_module, tmp_path):
    with pytest.raises(run_module.failure, match="file: could not be written"):
        run_module(node_files, files=[entry(tmp_path / "file") | {"owner": "nobody-of-this-name"}])
    assert not list(tmp_path.glob("*file*"))


@pytest.mark.parametrize("lookup", ["pwd.getpwuid", "grp.getgrgid"])
def test_a_file_of_an_owner_without_a_name_is_replaced(run_module, tmp_path, monkeypatch, lookup):
    def nameless(number):
        raise KeyError(f"{lookup}(): not found: {number}")

    path = tmp_path / "file"
    run_module(node_files, files=[entry(path)])
    inode = path.stat().st_ino
    monkeypatch.setattr(lookup, nameless)
    assert run_module(node_files, files=[entry(path)])["changed_paths"] == [str(path)]
    assert path.stat().st_ino != inode


def test_a_file_that_cannot_be_read_is_an_error_that_names_it(run_module, tmp_path):
    (tmp_path / "file").symlink_to("file")
    with pytest.raises(run_module.failure, match=r"file: could not be written: .*symbolic links"):
        run_module(node_files, files=[entry(tmp_path / "file")])


def test_a_change_on_trial_keeps_what_was_proven_until_it_is(run_module, tmp_path):
    path, proven = tmp_path / "rules", tmp_path / "rules.proven"
    first = [entry(path, "first\n", trial=True)]
    run_module(node_files, files=first)
    assert proven.read_text() == ""  # there was none
    assert run_module(node_files, check=True, files=first)["changed_paths"] == [str(path)]  # as after a run that died
    proven.unlink()
    assert not run_module(node_files, files=first)["changed"]

    run_module(node_files, files=[entry(path, "second\n", trial=True)])
    run_module(node_files, files=[entry(path, "third\n", trial=True)])  # never the second, which nobody has proved
    assert proven.read_text() == "first\n" and path.read_text() == "third\n"
