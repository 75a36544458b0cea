"""The package as clients and Kubernetes see it: a real process, asked over real sockets."""

import json
import signal
import socket
import threading
import time

import httpx
import pytest

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def raw(base: str, data: bytes, seconds: float = 10) -> bytes:
    host, port = base.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=seconds) as s:
        s.sendall(data)
        out = b""
        while part := s.recv(65536):
            out += part
        return out


@pytest.fixture(scope="module")
def base(start):
    """Of one example that the tests share."""
    return start(max_request_bytes=1024, request_timeout=1).base


@pytest.mark.parametrize(
    ("content", "field", "found", "wanted"),
    [
        (b'{"texts": []}', "texts", "0 items", "at least 1 items"),
        (b'{"texts": ["a", "b", "c", "d"]}', "texts", "4 items", "at most 3 items"),
        (b'{"texts": "a"}', "texts", "'a'", "a list"),
        (b'{"texts": [1]}', "texts.0", "1", "a text"),
        (b'{"texts": ["a"], "size": 11}', "size", "11", "at most 10"),
        (b"{}", "texts", "nothing", "a value"),
        (b"[1]", "body", "1 items", "a JSON object"),
        (b"", "body", "nothing", "a value"),
        (b'{"texts": ', "body", "no JSON (Expecting value)", "valid JSON"),
        (b'{"texts": ["\xff\xfe"]}', "body", "what cannot be read", "JSON in UTF-8, or the form that the API says"),
    ],
)
def test_bad_input_is_named(base, content, field, found, wanted):
    answer = httpx.post(base + "/embed", content=content, headers={"content-type": "application/json"})
    error = answer.json()["error"]
    assert (answer.status_code, error["field"], error["found"], error["wanted"]) == (400, field, found, wanted)
    assert error["message"]


def test_unknown_paths_and_methods_are_errors_of_the_same_shape(base):
    assert httpx.get(base + "/nothing").json()["error"]["field"] == "path"
    answer = httpx.get(base + "/embed")
    assert (answer.status_code, answer.json()["error"]["wanted"]) == (405, "POST")


def test_a_full_queue_says_when_to_come_back(base):
    answer = httpx.get(base + "/full")
    assert (answer.status_code, answer.headers["retry-after"], answer.json()["error"]["field"]) == (429, "1", "queue")


def test_what_was_not_foreseen_is_a_500_without_inside(base):
    answer = httpx.get(base + "/broken")
    assert answer.status_code == 500 and "no such thing" not in answer.text and answer.json()["error"]["field"] == "service"


def test_a_long_body_is_refused_whether_or_not_its_length_is_told(base):
    told = httpx.post(base + "/embed", json={"texts": ["x" * 2000]})
    untold = httpx.post(base + "/embed", content=iter([b'{"texts": ["', b"x" * 2000, b'"]}']))
    assert told.status_code == untold.status_code == 413
    assert told.json()["error"]["wanted"] == untold.json()["error"]["wanted"] == "at most 1024 bytes"


def test_a_slow_client_and_a_slow_answer_are_told_apart(base):
    head = b"POST /embed HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
    assert b" 408 " in raw(base, head).splitlines()[0]
    assert httpx.get(base + "/slow/3").status_code == 504


def test_a_stream_may_last_longer_than_its_first_byte_may_take(base):
    assert httpx.get(base + "/stream").text == "part\n" * 8


def test_a_cut_connection_harms_nobody(base):
    host, port = base.removeprefix("http://").split(":")
    for _ in range(20):
        with socket.create_connection((host, int(port))) as s:
            s.sendall(b"POST /embed HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
    assert httpx.post(base + "/embed", json={"texts": ["a"]}).json() == {"texts": 1}


def test_a_cut_request_is_no_failure_of_the_service(start):
    service = start()
    host, port = service.base.removeprefix("http://").split(":")
    for path in (b"/upload", b"/embed"):
        with socket.create_connection((host, int(port))) as s:
            s.sendall(b"POST " + path + b" HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{")
            time.sleep(0.5)
    until = time.monotonic() + 30
    while service.said().count('"status": 499') < 2 and time.monotonic() < until:
        time.sleep(0.1)
    page = httpx.get(service.base + "/metrics").text
    for path in ("/upload", "/embed"):
        assert f'http_requests_total{{method="POST",route="{path}",status="499"}} 1.0' in page
    assert "ClientDisconnect" not in service.said()


def test_metrics_count_by_template_and_never_by_path(start):
    base = start().base
    for path in ("/slow/0.01", "/slow/0.02", "/wp-login.php"):
        httpx.get(base + path)
    page = httpx.get(base + "/metrics").text
    assert 'http_requests_total{method="GET",route="/slow/{seconds}",status="200"} 2.0' in page
    assert 'http_requests_total{method="GET",route="unmatched",status="404"} 1.0' in page
    assert 'http_request_duration_seconds_count{method="GET",route="/slow/{seconds}"} 2.0' in page
    assert "wp-login" not in page


def test_the_trace_is_taken_over_passed_on_and_logged_without_personal_data(start):
    service = start()
    base = service.base
    seen = httpx.get(base + "/onward", headers={"traceparent": TRACE}).json()["traceparent"]
    assert seen.split("-")[1] == TRACE.split("-")[1] and seen.split("-")[2] != TRACE.split("-")[2]
    httpx.post(base + "/embed", json={"texts": ["call 13812345678"]}, headers={"traceparent": TRACE})
    lines = service.stop()
    asked = next(line for line in lines if line["logger"] == "example")
    assert asked["trace_id"] == TRACE.split("-")[1]
    assert asked["message"] == "Asked by call <phone>" and asked["phone"] == "<phone>"
    access = [line for line in lines if line["logger"] == "voicehelper.access" and line["route"] == "/embed"]
    assert access[0]["trace_id"] == TRACE.split("-")[1] and access[0]["status"] == 200


def test_a_drain_is_not_ready_first_and_cuts_no_request(start):
    service = start(drain_seconds=1, request_timeout=10)
    base, process = service.base, service.process
    answers = []
    running = threading.Thread(target=lambda: answers.append(httpx.get(base + "/slow/2.5", timeout=10).status_code))
    running.start()
    time.sleep(0.3)
    process.send_signal(signal.SIGTERM)
    time.sleep(0.3)
    ready = httpx.get(base + "/ready")
    assert (ready.status_code, ready.json()["waiting_for"]) == (503, {"drain": "the service is about to stop"})
    assert httpx.post(base + "/embed", json={"texts": ["late"]}).status_code == 200
    running.join()
    assert answers == [200]
    assert process.wait(timeout=10) == 0
    assert all(json.loads(line) for line in service.said().splitlines())


def test_spans_leave_only_where_a_collector_is_named(start):
    received = []
    listener = socket.create_server(("127.0.0.1", 0))

    def collect():
        connection, _ = listener.accept()
        with connection:
            received.append(connection.recv(65536))
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    thread = threading.Thread(target=collect, daemon=True)
    thread.start()
    service = start(otel_exporter_otlp_endpoint=f"http://127.0.0.1:{listener.getsockname()[1]}")
    httpx.get(service.base + "/health", headers={"traceparent": TRACE})
    service.stop()
    thread.join(timeout=10)
    assert received and received[0].startswith(b"POST /v1/traces")


def test_a_wrong_setting_ends_the_start_with_its_name(monkeypatch):
    from voicehelper_common import Settings, read_settings

    monkeypatch.setenv("PORT", "seventy")
    with pytest.raises(SystemExit) as stopped:
        read_settings(Settings)
    assert str(stopped.value) == "PORT: port: found 'seventy', wanted an integer"


def test_half_a_character_is_no_text():
    from pydantic import TypeAdapter, ValidationError

    from voicehelper_common import Text
    from voicehelper_common.errors import explain

    with pytest.raises(ValidationError) as refused:
        TypeAdapter(Text).validate_python("\ud800")
    assert explain(refused.value.errors()[0])["wanted"] == "a text in valid Unicode"
