"""LiteLLM's own configuration, made from the rules. Secrets stay in the environment; it only names their variables."""

from __future__ import annotations

from typing import Any

from .settings import Model, Redis, Rules


def config(rules: Rules) -> dict[str, Any]:
    """What LiteLLM's proxy reads (config.yaml)."""
    router: dict[str, Any] = {
        "fallbacks": [{name: others} for name, others in rules.fallbacks.items()],
        "num_retries": rules.retries,
        "timeout": rules.timeout,
    }
    if any(model.budget for model in rules.models):
        router["optional_pre_call_checks"] = ["router_budget_limiting"]
    general: dict[str, Any] = {
        "master_key": "os.environ/LITELLM_MASTER_KEY",
        "custom_auth": "llm_proxy.auth.user_api_key_auth",
        "custom_auth_run_common_checks": True,
    }
    if rules.redis:
        general["coordination_redis"] = _redis(rules.redis)
    return {
        "model_list": [_model(model) for model in rules.models],
        "router_settings": router,
        "general_settings": general,
        "litellm_settings": {
            "callbacks": ["llm_proxy.accounts.accounts"],
            "enable_post_custom_auth_checks": True,  # with custom_auth_run_common_checks: a key's models are enforced
            "drop_params": True,
            "telemetry": False,
        },
    }


def _model(model: Model) -> dict[str, Any]:
    parameters = dict(model.parameters) | model.model_dump(
        include={"model", "api_base", "rpm", "tpm", "input_cost_per_token", "output_cost_per_token"}, exclude_none=True
    )
    if model.key_variable:
        parameters["api_key"] = f"os.environ/{model.key_variable}"
    if model.budget:
        parameters |= {"max_budget": model.budget.max, "budget_duration": model.budget.window}
    return {"model_name": model.name, "litellm_params": parameters}


def _redis(redis: Redis) -> dict[str, Any]:
    found: dict[str, Any] = {"startup_nodes": [node.model_dump() for node in redis.nodes], "ssl": redis.tls}
    found |= {"ssl_ca_certs": redis.ca} if redis.ca else {}
    found |= {"username": redis.username} if redis.username else {}
    return found | ({"password": f"os.environ/{redis.password_variable}"} if redis.password_variable else {})
