import json
import signal
import socket
from collections.abc import Iterator
from contextlib import suppress

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect


@pytest.fixture(scope="module")
def running(service):
    return service("speech-service", max_streams=2, stream_idle_seconds=3).ready()


def open_stream(running) -> ClientConnection:
    return connect(running.url.replace("http", "ws") + "/stream", close_timeout=60)


def messages(stream: ClientConnection) -> Iterator[dict]:
    """All that comes until it is closed, with whatever code."""
    with suppress(ConnectionClosed):
        while True:
            yield json.loads(stream.recv())


def frames(pcm: bytes, milliseconds: int = 40) -> Iterator[bytes]:
    size = 32 * milliseconds
    return (pcm[start : start + size] for start in range(0, len(pcm), size))


def test_words_come_while_they_are_said_and_then_for_good(running, pcm, agreement):
    with open_stream(running) as stream:
        for frame in frames(pcm):
            stream.send(frame)
        stream.send('{"type": "end"}')
        heard = list(messages(stream))
        assert stream.close_code == 1000
    finals = [message for message in heard if message["type"] == "final"]
    assert agreement(" ".join(message["text"] for message in finals)) > 0.9, heard
    assert any(message["type"] == "partial" for message in heard)
    assert {message["type"] for message in heard} == {"partial", "final"}
    assert finals == sorted(finals, key=lambda message: message["start"])
    assert all(0 <= message["start"] < message["end"] <= len(pcm) / 32000 + 0.1 for message in heard)


def test_the_last_words_come_without_a_pause_behind(running, pcm, agreement):
    with open_stream(running) as stream:
        stream.send(pcm[: 32 * 4600][: 64 * 1024])
        for frame in frames(pcm[64 * 1024 : 32 * 4600], 500):
            stream.send(frame)
        stream.send('{"type": "end"}')
        said = " ".join(message["text"] for message in messages(stream) if message["type"] == "final")
    assert agreement(said, "it was the best of times it was the worst of times") > 0.9


@pytest.mark.parametrize(("frame", "code"), [(b"abc", 1007), ("hello", 1007), ('{"type": "start"}', 1007), (bytes(65538), 1009)])
def test_frames_that_are_not_as_agreed_end_it_with_a_reason(running, frame, code):
    with open_stream(running) as stream:
        stream.send(bytes(3200))
        stream.send(frame)
        heard = list(messages(stream))
        assert stream.close_code == code
    assert heard[-1]["type"] == "error"
    assert heard[-1]["error"]["field"] == "frame"


def test_silence_on_the_line_ends_it(running):
    with open_stream(running) as stream:
        stream.send(bytes(3200))
        assert list(messages(stream)) == []
        assert stream.close_code == 1001


def test_no_more_streams_than_there_may_be(running, pcm):
    with open_stream(running) as first, open_stream(running) as second:
        first.send(bytes(3200))
        with open_stream(running) as third:
            assert next(messages(third))["error"]["field"] == "streams"
            with pytest.raises(ConnectionClosed):
                third.recv()
            assert third.close_code == 1013
        for stream in (first, second):
            stream.send('{"type": "end"}')
            list(messages(stream))
    with open_stream(running) as again:
        again.send('{"type": "end"}')
        list(messages(again))
        assert again.close_code == 1000


def test_a_client_that_is_cut_off_frees_its_place(running, pcm):
    for _ in range(4):
        with open_stream(running) as stream:
            stream.send(pcm[:32000])
            stream.socket.shutdown(socket.SHUT_RDWR)
    for _ in range(100):
        with open_stream(running) as stream:
            stream.send('{"type": "end"}')
            list(messages(stream))
            if stream.close_code == 1000:
                return
    raise AssertionError("the places were not freed")


def test_a_drain_loses_no_word(service, pcm, agreement):
    running = service("speech-service", drain_seconds=2).ready()
    with open_stream(running) as stream:
        for frame in frames(pcm[: 32 * 4600], 200):
            stream.send(frame)
        running.process.send_signal(signal.SIGTERM)
        said = " ".join(message["text"] for message in messages(stream) if message["type"] == "final")
        assert stream.close_code == 1012
    assert agreement(said, "it was the best of times") > 0.8
    assert running.process.wait(timeout=30) == 0
