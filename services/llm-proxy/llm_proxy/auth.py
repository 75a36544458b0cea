"""Who may ask: LiteLLM calls this for every request, and enforces the models and limits of what it gets back."""

from __future__ import annotations

import hashlib
import hmac
import os

from fastapi import Request
from litellm.proxy._types import LitellmUserRoles, ProxyException, UserAPIKeyAuth

from .accounts import accounts


async def user_api_key_auth(request: Request, api_key: str | None) -> UserAPIKeyAuth:
    """The client whose key was sent; LiteLLM gives none where no header has one.

    Raises:
        ProxyException: 401 no key or an unknown one, 429 its budget is used up.
    """
    if not api_key:
        raise ProxyException("authorization: found no key, wanted Bearer and a key of this proxy", "auth_error", "authorization", 401)
    if _same(api_key, os.environ["LITELLM_MASTER_KEY"]):
        return UserAPIKeyAuth(api_key=_label(api_key), key_alias="master", user_role=LitellmUserRoles.PROXY_ADMIN)
    found = None
    for key in accounts.rules.keys:  # all of them: how long it takes says nothing
        found = key if _same(api_key, key.secret) else found
    if found is None:
        raise ProxyException(
            "authorization: found an unknown key, wanted Bearer and a key of this proxy", "auth_error", "authorization", 401
        )
    if found.budget and await accounts.spent(found.name, found.budget) >= found.budget.max:
        message = f"budget: the {found.budget.max:g} of this key for {found.budget.window} are used up"
        raise ProxyException(message, "budget_exceeded", "budget", 429)
    return UserAPIKeyAuth(
        api_key=_label(api_key),
        key_alias=found.name,
        models=[] if "*" in found.models else list(found.models),
        rpm_limit=found.rpm,
        tpm_limit=found.tpm,
        max_parallel_requests=found.parallel,
    )


def _same(sent: str, secret: str) -> bool:
    return hmac.compare_digest(sent.encode(), secret.encode())


def _label(key: str) -> str:
    """What stands for a key in counters and logs."""
    return hashlib.sha256(key.encode()).hexdigest()
