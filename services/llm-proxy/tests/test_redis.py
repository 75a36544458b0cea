"""Replicas that count together in a Redis Cluster."""

import time

import pytest

COSTS = {"input_cost_per_token": 0.00001, "output_cost_per_token": 0.00002}


@pytest.fixture(scope="module")
def urls(proxy, runtime, redis_cluster):
    rules = {
        "models": [{"name": "assistant"} | runtime | COSTS],
        "keys": [
            {"name": "slow", "models": ["*"], "rpm": 2},
            {"name": "poor", "models": ["*"], "budget": {"max": 0.0001, "window": "1h"}},
        ],
        "redis": {
            "nodes": [{"host": "127.0.0.1", "port": port} for port in redis_cluster],
            "username": "voicehelper",
            "password_variable": "REDIS_SECRET",
            "tls": False,
        },
    }
    running = [proxy(rules, redis_secret="secret") for _ in range(2)]
    return [one.ready().url for one in running]


def test_a_limit_holds_for_all_replicas_together(urls, ask):
    states = [ask(urls[turn % 2], "slow", max_tokens=1).status_code for turn in range(4)]
    assert states[:2] == [200, 200]
    assert states[2:] == [429, 429]


def test_a_budget_holds_for_all_replicas_together(urls, ask):
    states = []
    for _ in range(5):
        states.append(ask(urls[0], "poor").status_code)
        time.sleep(0.5)
    assert states[-1] == 429
    assert ask(urls[1], "poor").status_code == 429
