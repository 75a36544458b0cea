"""Sites to render, with secrets of their own for the session."""

from __future__ import annotations

import functools

import pytest
from rendering import SITES, Site, controller


@pytest.fixture(scope="session")
def make_site(tmp_path_factory):
    """Site of a name, on a controller with a state directory of its own."""
    state = tmp_path_factory.mktemp("state")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VOICEHELPER_VAULT_PASSWORD_FILE", str(state / "vault-password"))
        loader = controller(state)
        yield functools.cache(lambda name: Site(name, loader, state))  # a site renders its bundles once


@pytest.fixture(scope="session", params=SITES)
def site(request, make_site):
    """Each inventory in turn."""
    return make_site(request.param)
