"""Sites to render, with secrets of their own for the session."""

from __future__ import annotations

import functools

import kubernetes_validate
import pytest

from tests.render.rendering import SITES, Site, controller


@pytest.fixture(scope="session")
def make_site(tmp_path_factory):
    """Site of a name, on a controller with a state directory of its own."""
    state = tmp_path_factory.mktemp("state")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VOICEHELPER_VAULT_PASSWORD_FILE", str(state / "vault-password"))
        loader = controller(state)
        yield functools.cache(lambda name: Site(name, loader, state))  # a site renders its bundles once


@pytest.fixture(scope="session", autouse=True)
def schemas_read_once():
    """The validator reads the definitions of all kinds for every object else, which takes ten times as long as the object."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("schema_contents", "all_versions"):
            patch.setattr(kubernetes_validate.utils, name, functools.cache(getattr(kubernetes_validate.utils, name)))
        yield


@pytest.fixture(scope="session", params=SITES)
def site(request, make_site):
    """Each inventory in turn."""
    return make_site(request.param)
