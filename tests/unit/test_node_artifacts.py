"""node_artifacts against a web server of its own: sums, archives, stamps, and what is refused."""

import functools
import hashlib
import http.server
import io
import tarfile
import threading

import pytest

from plugins.modules import node_artifacts


class Depot:
    """A folder served by HTTP that counts the requests it answers."""

    def __init__(self, folder):
        self.folder, self.requests = folder, []
        handler = functools.partial(self._handler(), directory=str(folder))
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def _handler(depot):
        class Handler(http.server.SimpleHTTPRequestHandler):
            def log_request(self, *_):
                depot.requests.append(self.path)

            def log_message(self, *_):
                pass

        return Handler

    def put(self, name, content):
        (self.folder / name).write_bytes(content)
        url = f"http://127.0.0.1:{self.server.server_port}/{name}"
        return {"url": url, "sha256": hashlib.sha256(content).hexdigest()}

    def archive(self, name, members):
        stream = io.BytesIO()
        with tarfile.open(fileobj=stream, mode="w:gz") as tar:
            for path, content in members.items():
                entry = tarfile.TarInfo(path)
                entry.size, entry.mode = len(content), 0o755
                tar.addfile(entry, io.BytesIO(content))
        return self.put(name, stream.getvalue())


@pytest.fixture
def depot(tmp_path):
    (tmp_path / "depot").mkdir()
    depot = Depot(tmp_path / "depot")
    yield depot
    depot.server.shutdown()
    depot.server.server_close()


@pytest.fixture
def install(run_module, tmp_path):
    return lambda *items, check=False: run_module(
        node_artifacts, check=check, artifacts=list(items), state_dir=str(tmp_path / "state"), timeout=5
    )


def test_a_file_is_installed_once(depot, install, tmp_path):
    item = depot.put("tool", b"binary") | {"dest": str(tmp_path / "bin/tool")}
    assert install(item)["installed"] == [str(tmp_path / "bin/tool")]
    assert (tmp_path / "bin/tool").read_bytes() == b"binary"
    assert (tmp_path / "bin/tool").stat().st_mode & 0o777 == 0o755
    assert install(item)["changed"] is False
    assert len(depot.requests) == 1


def test_a_wrong_sum_installs_nothing_and_says_what_was_found(depot, install, tmp_path):
    good = depot.put("good", b"good") | {"dest": str(tmp_path / "good")}
    bad = depot.put("bad", b"bad") | {"dest": str(tmp_path / "bad"), "sha256": "0" * 64}
    with pytest.raises(Exception, match="wrong checksum") as failure:
        install(good, bad)
    assert hashlib.sha256(b"bad").hexdigest() in str(failure.value) and "0" * 64 in str(failure.value)
    assert not (tmp_path / "good").exists() and not (tmp_path / "bad").exists()


def test_what_cannot_be_downloaded_is_named(depot, install, tmp_path):
    item = depot.put("tool", b"x") | {"dest": str(tmp_path / "tool")}
    item["url"] += "-of-another-version"
    with pytest.raises(Exception, match=r"tool-of-another-version: could not be downloaded: .*404"):
        install(item)


def test_an_archive_gives_the_members_asked_for(depot, install, tmp_path):
    content = {"./bin/tool": b"1", "./bin/other": b"2", "README": b"3"}
    item = depot.archive("tool-1.0.tar.gz", content) | {"unpack_to": str(tmp_path / "usr"), "members": ["bin/tool"]}
    assert install(item)["installed"] == [str(tmp_path / "usr/bin/tool")]
    assert not (tmp_path / "usr/bin/other").exists()


def test_leading_folders_are_stripped(depot, install, tmp_path):
    item = depot.archive("helm-3.tar.gz", {"linux-amd64/helm": b"helm"}) | {"unpack_to": str(tmp_path / "bin"), "strip": 1}
    install(item)
    assert (tmp_path / "bin/helm").read_bytes() == b"helm"


def test_an_archive_cannot_write_outside(depot, install, tmp_path):
    item = depot.archive("evil.tar.gz", {"../escaped": b"x", "kept": b"y"}) | {"unpack_to": str(tmp_path / "usr")}
    assert install(item)["installed"] == [str(tmp_path / "usr/kept")]
    assert not (tmp_path / "escaped").exists()


def test_a_missing_member_is_named(depot, install, tmp_path):
    item = depot.archive("tool.tar.gz", {"a": b"1"}) | {"unpack_to": str(tmp_path / "usr"), "members": ["b"]}
    with pytest.raises(Exception, match="the archive lacks b"):
        install(item)


def test_another_version_replaces_the_file_under_its_users(depot, install, tmp_path):
    place = {"dest": str(tmp_path / "tool")}
    install(depot.put("tool", b"old") | place)
    with (tmp_path / "tool").open("rb") as used:
        install(depot.put("tool", b"new") | place)
        assert used.read() == b"old"
    assert (tmp_path / "tool").read_bytes() == b"new"


@pytest.mark.parametrize("harm", ["removed", "altered"])
def test_a_file_that_was_tampered_with_is_installed_again(depot, install, tmp_path, harm):
    item, path = depot.put("tool", b"binary") | {"dest": str(tmp_path / "tool")}, tmp_path / "tool"
    install(item)
    path.unlink() if harm == "removed" else path.write_bytes(b"other!")
    assert install(item)["changed"] is True
    assert path.read_bytes() == b"binary"


def test_check_mode_downloads_nothing(depot, install, tmp_path):
    item = depot.put("tool", b"binary") | {"dest": str(tmp_path / "tool")}
    result = install(item, check=True)
    assert result["changed"] and result["installed"] == [str(tmp_path / "tool")]
    assert not depot.requests and not (tmp_path / "tool").exists() and not (tmp_path / "state").exists()
