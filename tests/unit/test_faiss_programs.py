"""Backups of FAISS: what is kept, and that a restored index is judged by what a server says that it holds."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import requests

from programs.faiss_service import backup, restore
from programs.http import HttpError, Server

HELD = {"index": {"count": 2, "digest": "abc"}}


@pytest.fixture
def service():
    """A faiss-service with two vectors; it keeps what it was given, and may hang up in the middle of a file."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            if self.path == "/stats":
                return self.answer(json.dumps({"total_vectors": 2, "digest": "abc"}).encode())
            self.send_response(200)
            for name, value in {"Transfer-Encoding": "chunked", "X-Total-Vectors": "2", "X-Digest": "abc"}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(b"4\r\nvect\r\n")
            if server.whole:
                self.wfile.write(b"3\r\nors\r\n0\r\n\r\n")
            self.close_connection = True

        def do_POST(self):
            server.taken = (self.path, self.rfile.read(int(self.headers["Content-Length"])))
            self.answer(b"{}", 200 if server.whole else 400)

        def answer(self, body, status=200):
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.whole, server.taken, server.url = True, None, f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def test_a_backup_is_the_file_and_what_is_in_it(service, tmp_path):
    assert backup.fetch(service.url, tmp_path / "index.tar") == HELD
    assert (tmp_path / "index.tar").read_bytes() == b"vectors"


def test_a_file_that_breaks_off_is_no_backup(service, tmp_path):
    service.whole = False
    with pytest.raises(requests.RequestException):
        backup.fetch(service.url, tmp_path / "index.tar")


def test_what_was_restored_is_what_the_server_says_it_holds(service, tmp_path):
    index = tmp_path / "index.tar"
    index.write_bytes(b"vectors")
    assert restore.restore(Server(service.url), index) == HELD
    assert service.taken == ("/restore?replace=true", b"vectors")


def test_a_backup_that_the_server_refuses_is_not_restored(service, tmp_path):
    service.whole = False
    (index := tmp_path / "index.tar").write_bytes(b"vec")
    with pytest.raises(HttpError, match="400"):
        restore.restore(Server(service.url), index)
