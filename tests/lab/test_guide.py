"""Commands of the deployment guide, as an operator types them."""

from __future__ import annotations

from tests.chaos.cluster import kubectl, members


def test_dump_needs_no_password_on_any_member():
    """The guide's backup command works whichever member leads."""
    pods = members("postgres-master")
    assert pods
    for pod in pods:
        dump = kubectl("exec", pod.name, "--", "pg_dump", "-U", "voicehelper", "voicehelper")
        assert "\n-- PostgreSQL database dump complete\n" in dump
