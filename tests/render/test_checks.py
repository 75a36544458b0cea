"""What the systems' roles say of verification is whole: a client that works, and strangers who are refused."""

from __future__ import annotations


def test_every_system_is_used_by_a_client_and_refuses_a_stranger(site):
    systems = site.value("{{ query('role_data', *verify_systems, data='checks') }}", role="verify")
    assert [system["system"] for system in systems] == site.value("{{ deploy_components + deploy_services }}")
    access, namespaces = site.value("{{ platform_domain }}") + "/access-", site.value("{{ platform_namespaces }}").values()
    for system in systems:
        pods = {pod["name"]: pod for pod in system["pods"]}
        assert system["namespace"] in namespaces
        assert pods["client"]["labels"] == {access + system["system"].replace("_", "-"): "true"}
        assert "works '" in pods["client"]["script"] and "refused '" in pods["client"]["script"]
        assert "labels" not in pods["stranger"] and pods["stranger"]["script"].startswith("refused 'client without the label'")


def test_a_restore_that_copies_everything_has_time_for_it(site):
    known = site.value("{{ backup_known }}")
    seconds = site.value("{{ query('role_data', *backup_known, data='restore_timeout', default=3600) }}")
    assert dict(zip(known, seconds, strict=True))["minio"] == 21600
