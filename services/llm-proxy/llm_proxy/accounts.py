"""What each client has spent, and the figures of all requests. LiteLLM tells it of every answer."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Any

from litellm.integrations.custom_logger import CustomLogger
from prometheus_client import Counter, Histogram

from .settings import Budget, Rules

_BUCKETS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)  # seconds
_tokens = Counter("llm_tokens_total", "Tokens", ["client", "model", "kind"])
_cost = Counter("llm_cost_total", "Costs, in the unit of the models' costs", ["client", "model"])
_seconds = Histogram("llm_request_seconds", "Time of a model's whole answer", ["model"], buckets=_BUCKETS)
_first = Histogram("llm_first_token_seconds", "Time until the first part of a streamed answer", ["model"], buckets=_BUCKETS)
_failures = Counter("llm_failures_total", "Requests that a model did not answer", ["model"])


class Accounts(CustomLogger):
    """Costs by client and window of time: in Redis where the rules name one, else in this process alone."""

    rules: Rules  # set before the first request

    def __init__(self) -> None:
        super().__init__()
        self._alone: dict[str, float] = {}

    async def spent(self, client: str, budget: Budget) -> float:
        """Costs of a client in the window that runs."""
        key = _key(client, budget)
        if redis := _redis():
            return float(await redis.async_get_cache(key) or 0)
        return self._alone.get(key, 0.0)

    async def async_log_success_event(self, kwargs: dict[str, Any], response_obj: Any, start_time: datetime, end_time: datetime) -> None:
        """An answer was given wholly; `kwargs["standard_logging_object"]` says what it was."""
        told = kwargs.get("standard_logging_object") or {}
        client = (told.get("metadata") or {}).get("user_api_key_alias") or "unknown"
        model, cost = told.get("model_group") or "unknown", float(told.get("response_cost") or 0)
        _tokens.labels(client, model, "prompt").inc(told.get("prompt_tokens") or 0)
        _tokens.labels(client, model, "completion").inc(told.get("completion_tokens") or 0)
        _cost.labels(client, model).inc(cost)
        _seconds.labels(model).observe((end_time - start_time).total_seconds())
        if kwargs.get("stream") and kwargs.get("completion_start_time"):
            _first.labels(model).observe((kwargs["completion_start_time"] - start_time).total_seconds())
        budget = next((key.budget for key in self.rules.keys if key.name == client), None)
        if budget and cost:
            await self._spend(_key(client, budget), cost, budget)

    async def async_log_failure_event(self, kwargs: dict[str, Any], response_obj: Any, start_time: datetime, end_time: datetime) -> None:
        """A model did not answer; it may be tried again, or another one."""
        _failures.labels((kwargs.get("standard_logging_object") or {}).get("model_group") or "unknown").inc()

    async def _spend(self, key: str, cost: float, budget: Budget) -> None:
        if redis := _redis():
            await redis.async_increment(key, cost, ttl=2 * budget.seconds)
        else:
            old = key.rpartition(":")[0] + ":"
            self._alone = {name: value for name, value in self._alone.items() if name == key or not name.startswith(old)}
            self._alone[key] = self._alone.get(key, 0.0) + cost


def _key(client: str, budget: Budget) -> str:
    """A counter for each window: it begins at nothing by itself."""
    return f"llm-proxy:spent:{client}:{budget.window}:{int(time.time()) // budget.seconds}"


def _redis() -> Any:
    from litellm.proxy import proxy_server  # it holds the connection, and imports this module

    return proxy_server.redis_usage_cache


accounts = Accounts()
