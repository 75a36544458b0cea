"""Secrets that another key encrypted are written anew, and nothing else is."""

import pytest

from plugins.action import secrets_rewrite as action


class Api:
    """An API server that writes a Secret on a change of nothing where its key is not the one in force."""

    def __init__(self, error, **keys):
        self.error, self.keys, self.bodies = error, keys, []

    def path(self, reference):
        return reference["metadata"]["name"]

    def request(self, method, path, body=None, content_type=None):
        listed = {"items": [{"metadata": {"namespace": "apps", "name": name, "resourceVersion": "1"}} for name in self.keys]}
        if method == "GET":
            return listed
        assert (method, body, content_type) == ("PATCH", {}, "application/merge-patch+json")
        if self.keys[path] in ("gone", "lost"):
            raise self.error(404 if self.keys[path] == "gone" else 500, "no matching key was found")
        return {"metadata": {"resourceVersion": "2" if self.keys[path] == "old" else "1"}}


def test_what_another_key_encrypted_is_written():
    assert action.rewrite(Api(action.ApiError, one="old", two="new", three="gone")) == ["apps/one"]


def test_a_secret_that_no_key_opens_is_an_error():
    with pytest.raises(action.ApiError, match="no matching key"):
        action.rewrite(Api(action.ApiError, one="lost"))
