"""What the programs of the toolbox image have alike: the protocol, waiting, HTTP, and what the image must have for them."""

from __future__ import annotations

import ast
import io
import json
import re
import socket
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from programs import client, protocol, waiting
from programs.http import HttpError, Server
from programs.postgresql import fetch
from programs.protocol import Absent, Actions, Refusal
from programs.waiting import until

DEBIAN = {"psycopg2": "python3-psycopg2"}  # imported as, packaged as
NAMED = {"kafka": "kafka-python", "nats": "nats-py"}


def test_the_image_has_what_the_programs_import(project):
    """Of the requirements' whole closure and Debian's packages; what only a function imports counts too."""
    listed = (project / "artifacts/python/toolbox_clients/requirements.txt").read_text()
    packages = set(re.findall(r"^([\w.-]+)==", listed, re.MULTILINE))
    containerfile = (project / "images/toolbox_base/Containerfile").read_text().split()
    lacking = set()
    for path in project.glob("programs/**/*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module] if isinstance(node, ast.ImportFrom) else []
            for name in {name.split(".")[0] for name in names} - sys.stdlib_module_names - {"programs"}:
                there = DEBIAN[name] in containerfile if name in DEBIAN else NAMED.get(name, name) in packages
                lacking |= set() if there else {(path.name, name)}
    assert not lacking


def test_what_the_servers_image_runs_needs_no_client_library(project):
    """PostgreSQL's image has psycopg2 and nothing else."""
    program = "import sys; import programs.postgresql.restore; print(' '.join({name.partition('.')[0] for name in sys.modules}))"
    done = subprocess.run([sys.executable, "-c", program], cwd=project, capture_output=True, text=True, check=True)
    assert not {"boto3", "botocore", "requests"} & set(done.stdout.split())


def test_every_program_that_is_started_is_there(project):
    """In a template as a list of words, in a script as a line, in a task as the module's argument."""
    pattern = re.compile(r"programs\.((?:\w+\.)+\w+)|program: (\w+\.\w+)")
    files = [path for folder in ("tasks", "templates") for path in project.glob(f"roles/*/{folder}/*")]
    started = {match[1] or match[2] for path in files if path.is_file() for match in pattern.finditer(path.read_text())}
    assert len(started) > 25
    assert not {name for name in started if not (project / "programs" / f"{name.replace('.', '/')}.py").is_file()}


@pytest.fixture
def kept(monkeypatch, capsys):
    """``kept(converge, check=…)``: the actions that a program answers with."""

    def run(converge, *faults, **wanted):
        monkeypatch.setattr(sys, "stdin", io.StringIO(json.dumps({"check": False} | wanted)))
        protocol.keep(converge, *faults)
        return json.loads(capsys.readouterr().out.splitlines()[-1])["actions"]

    return run


def test_a_check_names_an_action_and_does_not_do_it(kept):
    done = []

    def converge(wanted, actions):
        if actions.add("MAKE it"):
            done.append(wanted["what"])

    assert kept(converge, check=True, what="it") == ["MAKE it"]
    assert done == []
    assert kept(converge, what="it") == ["MAKE it"]
    assert done == ["it"]


def test_what_is_absent_would_come_with_this_run(kept):
    def converge(wanted, actions):
        raise Absent("nobody there")

    assert kept(converge, check=True) == []
    with pytest.raises(SystemExit, match="nobody there"):
        kept(converge)


@pytest.mark.parametrize(("fault", "said"), [(Refusal("too small"), "^too small$"), (ValueError("odd"), "^ValueError: odd$")])
@pytest.mark.parametrize("check", [True, False])
def test_a_refusal_is_told_and_fails(kept, fault, said, check):
    def converge(wanted, actions):
        raise fault

    with pytest.raises(SystemExit, match=said):
        kept(converge, ValueError, check=check)


def test_the_newest_password_that_is_let_in_counts_and_none_is_tried_twice():
    tried = []

    def enter(password):
        tried.append(password)
        return password == "old" and "session"

    assert protocol.admitted(["new", "new", "old", "older"], enter) == "session"
    assert tried == ["new", "old"]
    assert protocol.admitted(["new"], enter) is None


def test_a_check_waits_for_nothing():
    assert protocol.patience({"check": True, "patience": 90}) == 0
    assert protocol.patience({"check": False, "arrival": 30}, "arrival") == 30


def test_waiting_ends_with_what_is_true(monkeypatch):
    monkeypatch.setattr(waiting.time, "sleep", lambda seconds: None)
    answers, heard = iter([OSError("not yet"), None, "there"]), []

    def look():
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    assert until(look, 60, faults=OSError, say=heard.append) == "there"
    assert [str(fault) for fault in heard] == ["not yet"]


def test_waiting_gives_up_with_the_last_that_it_saw(monkeypatch):
    def fail():
        raise OSError("away")

    assert until(lambda: "", -1) == ""
    with pytest.raises(OSError, match="away"):
        until(fail, -1, faults=OSError)
    with pytest.raises(OSError, match="away"):  # no fault of those that are waited out
        until(fail, 60, faults=KeyError)


class Handler(BaseHTTPRequestHandler):
    """Answers by path; refuses who does not come as `me`."""

    def do_GET(self):
        status, body = {"/there": (200, b'{"a": 1}'), "/empty": (204, b""), "/odd": (400, b" no such thing ")}.get(self.path, (404, b""))
        if self.headers["Authorization"] != "Basic bWU6d29yZA==":
            status, body = 401, b"who?"
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_PUT = do_GET

    def log_message(self, *_):
        """Nobody reads who asked."""


@pytest.fixture
def url():
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_answers_are_decoded_and_refusals_told(url):
    server = Server(url, ("me", "word"))
    assert server.call("PUT", "/there", {"b": 2}) == {"a": 1}
    assert server.call("GET", "/empty") == {}
    assert (server.find("/there"), server.find("/nowhere")) == ({"a": 1}, None)
    with pytest.raises(HttpError, match=r"^GET /odd: 400 no such thing$"):
        server.find("/odd")
    with pytest.raises(HttpError, match="401 who") as caught:
        Server(url).find("/there")
    assert caught.value.status == 401


def test_who_speaks_plain_text_is_told(monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve():
            for greeting, answer in ((b"INFO\r\n", b"+OK\r\n"), (b"", b"\x15\x03\x03")):
                link, _ = listener.accept()
                with link:
                    link.sendall(greeting)
                    link.recv(100)
                    link.sendall(answer)

        threading.Thread(target=serve, daemon=True).start()
        place = listener.getsockname()
        client.plaintext(*place, b"PING\r\n", (b"+OK",), greeted=True)
        with pytest.raises(SystemExit, match=r"the connection was closed \(3 bytes\)"):
            client.plaintext(*place, b"PING\r\n", (b"+OK",))


@pytest.mark.parametrize("arguments", [[], ["write"]])
def test_a_client_knows_its_modes(monkeypatch, arguments):
    monkeypatch.setattr(sys, "argv", ["client", *arguments])
    with pytest.raises(SystemExit, match="wanted one of write-read, plaintext"):
        client.chosen({"write-read": 1, "plaintext": 2})


def test_a_container_of_another_image_runs_the_same_programs(tmp_path):
    fetch.lend(tmp_path)
    program = "import programs.archive, sys; print(programs.archive.fingerprint(['a'])['count'], programs.__file__)"
    environment = {"PYTHONPATH": str(tmp_path), "PATH": ""}
    done = subprocess.run([sys.executable, "-c", program], cwd="/", env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["1", str(tmp_path / "programs/__init__.py")]


def test_actions_of_a_check_are_for_later():
    assert (Actions(check=True).add("x"), Actions(check=False).add("x")) == (False, True)
