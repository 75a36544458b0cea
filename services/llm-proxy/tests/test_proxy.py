import json
import time
from pathlib import Path

import httpx
import pytest

DEAD = {"model": "openai/nobody", "api_base": "http://127.0.0.1:9/v1", "key_variable": "RUNTIME_KEY"}
BUDGET = {"max": 0.0001, "window": "1h"}
COSTS = {"input_cost_per_token": 0.00001, "output_cost_per_token": 0.00002}


@pytest.fixture(scope="module")
def url(proxy, runtime):
    rules = {
        "models": [
            {"name": "assistant"} | runtime,
            {"name": "broken"} | DEAD,
            {"name": "priced"} | runtime | COSTS,
            {"name": "capped", "budget": BUDGET} | runtime | COSTS,
        ],
        "fallbacks": {"broken": ["assistant"]},
        "retries": 0,
        "keys": [
            {"name": "app", "models": ["assistant", "broken", "capped"]},
            {"name": "all", "models": ["*"]},
            {"name": "slow", "models": ["assistant"], "rpm": 2},
            {"name": "poor", "models": ["*"], "budget": BUDGET},
        ],
    }
    began = time.monotonic()
    running = proxy(rules).ready()
    assert time.monotonic() - began < 60
    return running.url


def test_a_question_is_answered(url, ask):
    answer = ask(url, "app", temperature=0)
    assert answer.status_code == 200, answer.text
    assert "Paris" in answer.json()["choices"][0]["message"]["content"]


def test_an_answer_is_streamed(url, ask):
    lines = [line.removeprefix("data: ") for line in ask(url, "app", temperature=0, stream=True).text.splitlines() if line]
    assert lines[-1] == "[DONE]"
    assert "Paris" in "".join(json.loads(line)["choices"][0]["delta"].get("content") or "" for line in lines[:-1])


@pytest.mark.parametrize("stream", [False, True])
def test_another_model_answers_for_one_that_does_not(url, ask, stream):
    answer = ask(url, "app", "broken", stream=stream)
    assert answer.status_code == 200, answer.text
    assert answer.headers["x-litellm-attempted-fallbacks"] == "1"


@pytest.mark.parametrize("more", [{}, {"stream": True}, {"model": "assistant", "fallbacks": ["priced"]}])
def test_a_model_that_is_not_the_clients_is_forbidden(url, ask, more):
    answer = ask(url, "app", **{"model": "priced"} | more)
    assert answer.status_code == 403, answer.text
    assert ask(url, "all", "priced").status_code == 200


def test_a_client_sees_its_models_only(url):
    def names(key: str) -> set[str]:
        answer = httpx.get(f"{url}/v1/models", headers={"Authorization": f"Bearer {key}"}, timeout=30)
        return {model["id"] for model in answer.json()["data"]}

    assert names("sk-key-of-app-1234567890") == {"assistant", "broken", "capped"}
    assert names("master-key-of-the-tests") == {"assistant", "broken", "capped", "priced"}


@pytest.mark.parametrize("sent", [None, "Bearer sk-nobody-1234567890", "Bearer ", "Basic YTpi", "Bearer master-key-of-the-test"])
def test_who_has_no_key_is_not_served(url, sent):
    headers = {"Authorization": sent} if sent else {}
    body = {"model": "assistant", "messages": [{"role": "user", "content": "Hello"}]}
    assert httpx.post(f"{url}/v1/chat/completions", json=body, headers=headers, timeout=30).status_code == 401
    assert httpx.get(f"{url}/v1/models", headers=headers, timeout=30).status_code == 401


def test_the_master_key_may_use_everything(url, ask):
    assert ask(url, "master", "priced").status_code == 200


def test_more_requests_a_minute_than_allowed_are_refused(url, ask):
    states = [ask(url, "slow", max_tokens=1).status_code for _ in range(4)]
    assert states[:2] == [200, 200]
    assert states[-1] == 429


def test_a_budget_that_is_used_up_ends_it(url, ask):
    for client, model in (("poor", "priced"), ("app", "capped")):
        states = []
        for _ in range(5):
            states.append(ask(url, client, model).status_code)
            time.sleep(0.5)  # costs are written behind the answer
        assert states[0] == 200
        assert states[-1] == 429, (client, states)
    assert ask(url, "app").status_code == 200


@pytest.mark.parametrize(
    "body",
    [b"", b"\xff{", b"[]", b'{"model": "assistant"}', b'{"model": 5, "messages": []}', b'{"messages": [{"role": "user", "content": "a"}]}'],
)
def test_bad_input_is_refused(url, body):
    headers = {"Authorization": "Bearer sk-key-of-app-1234567890", "content-type": "application/json"}
    answer = httpx.post(f"{url}/v1/chat/completions", content=body, headers=headers, timeout=60)
    assert 400 <= answer.status_code < 500, answer.text
    assert answer.json()["error"]["message"]


@pytest.mark.parametrize(
    "path", ["/key/generate", "/ui/", "/health/services", "/config/yaml", "/v1/files", "/routes", "/docs", "/openapi.json"]
)
def test_nothing_else_of_litellm_is_there(url, path):
    for method in ("GET", "POST"):
        answer = httpx.request(method, url + path, headers={"Authorization": "Bearer master-key-of-the-tests"}, timeout=30)
        assert answer.status_code in (404, 405) or (path == "/openapi.json" and answer.json()["info"]["title"] == "llm-proxy")


def test_it_says_how_it_is(url):
    for path in ("/health", "/ready", "/health/readiness", "/health/liveliness"):
        assert httpx.get(url + path).status_code == 200
    figures = httpx.get(f"{url}/metrics").text
    assert 'llm_tokens_total{client="app",kind="completion",model="assistant"}' in figures
    assert 'llm_cost_total{client="poor",model="priced"}' in figures
    assert 'llm_first_token_seconds_count{model="assistant"}' in figures
    assert 'http_requests_total{method="POST",route="/v1/chat/completions",status="403"}' in figures
    assert "sk-key" not in figures


def test_the_api_is_as_documented(url):
    documented = json.loads((Path(__file__).parents[1] / "openapi.json").read_text())
    assert documented == httpx.get(f"{url}/openapi.json").json()


def test_it_ends_as_told(proxy, runtime):
    running = proxy({"models": [{"name": "assistant"} | runtime]}).ready()
    assert running.stop() == 0
