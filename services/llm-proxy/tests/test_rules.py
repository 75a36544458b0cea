import pytest
import yaml

from llm_proxy.config import config
from llm_proxy.settings import Rules, RulesError, read_rules

MODEL = {"name": "assistant", "model": "openai/x", "api_base": "http://x/v1", "key_variable": "PROVIDER_KEY"}
CLIENT = {"name": "app", "key_variable": "APP_KEY", "models": ["assistant"]}


@pytest.fixture
def read(tmp_path, monkeypatch):
    monkeypatch.setenv("PROVIDER_KEY", "of-the-provider")
    monkeypatch.setenv("APP_KEY", "of-the-application")
    monkeypatch.setenv("SHORT_KEY", "short")

    def run(rules: object) -> Rules:
        path = tmp_path / "rules.yml"
        path.write_text(rules if isinstance(rules, str) else yaml.safe_dump(rules))
        return read_rules(str(path))

    return run


def test_the_configuration_names_variables_and_holds_no_secret(read):
    rules = read(
        {
            "models": [
                MODEL | {"budget": {"max": 5, "window": "1d"}, "rpm": 10, "parameters": {"temperature": 0}},
                MODEL | {"name": "small"},
            ],
            "keys": [CLIENT],
            "fallbacks": {"assistant": ["small"]},
            "redis": {"nodes": [{"host": "redis"}], "username": "voicehelper", "password_variable": "APP_KEY", "ca": "/tls/ca.crt"},
        }
    )
    made = config(rules)
    assert made["model_list"][0] == {
        "model_name": "assistant",
        "litellm_params": {
            "model": "openai/x",
            "api_base": "http://x/v1",
            "api_key": "os.environ/PROVIDER_KEY",
            "rpm": 10,
            "temperature": 0,
            "max_budget": 5.0,
            "budget_duration": "1d",
        },
    }
    assert made["router_settings"]["fallbacks"] == [{"assistant": ["small"]}]
    assert made["general_settings"]["coordination_redis"] == {
        "startup_nodes": [{"host": "redis", "port": 6379}],
        "ssl": True,
        "ssl_ca_certs": "/tls/ca.crt",
        "username": "voicehelper",
        "password": "os.environ/APP_KEY",
    }
    assert "of-the" not in yaml.safe_dump(made)


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        ("models: [", "not YAML"),
        ("", "wanted"),
        ({"models": []}, "models: found 0 items, wanted at least 1 items"),
        ({"models": [MODEL | {"name": "a b"}]}, "models.0.name"),
        ({"models": [MODEL | {"api_key": "secret"}]}, "models.0.api_key"),
        ({"models": [MODEL | {"key_variable": "NOT_THERE"}]}, "NOT_THERE are not set"),
        ({"models": [MODEL], "keys": [CLIENT | {"models": ["other"]}]}, "not other"),
        ({"models": [MODEL], "keys": [CLIENT | {"models": []}]}, "keys.0.models"),
        ({"models": [MODEL], "keys": [CLIENT, CLIENT]}, "a name of its own"),
        ({"models": [MODEL], "keys": [CLIENT, CLIENT | {"name": "b"}]}, "two clients have the same one"),
        ({"models": [MODEL], "keys": [CLIENT | {"key_variable": "SHORT_KEY"}]}, "keys of app: fewer than 16 characters"),
        ({"models": [MODEL], "keys": [CLIENT | {"budget": {"max": 1, "window": "day"}}]}, "keys.0.budget.window"),
        ({"models": [MODEL], "fallbacks": {"assistant": ["nobody"]}}, "not nobody"),
    ],
)
def test_rules_that_cannot_hold_are_refused_by_place(read, rules, said):
    with pytest.raises(RulesError) as refusal:
        read(rules)
    assert said in str(refusal.value)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(RulesError, match="No such file"):
        read_rules(str(tmp_path / "none.yml"))


def test_a_start_that_cannot_succeed_says_why(proxy):
    assert "MASTER_KEY: found 5 characters" in proxy({}, master_key="short").failure()
    assert "models: found nothing, wanted a value" in proxy({}).failure()
