"""What the systems' roles say of their members names StatefulSets that are there, and all that the programs ask for."""

from __future__ import annotations

import json
import re
from pathlib import Path

WITHOUT_PASSWORDS = {"faiss_service"}  # the contract has none: policies alone say who may come
PROGRAMS = Path(__file__).parents[2] / "programs"


def test_every_system_names_its_members(site):
    systems = site.value("{{ query('role_data', *deploy_components, data='membership') }}")
    assert [system["system"] for system in systems] == site.value("{{ deploy_components }}")
    sets = {(item["metadata"]["namespace"], item["metadata"]["name"]): item for item in site.objects if item["kind"] == "StatefulSet"}
    for system in systems:
        replicas = {}
        for workload in [system["workload"], *system.get("other_workloads", [])]:
            replicas[workload] = sets[system["namespace"], workload]["spec"]["replicas"]
        members = system["input"]["members"]
        if isinstance(members, list):
            assert members == [f"{system['workload']}-{number}" for number in range(len(members))]
        assert (members if isinstance(members, int) else len(members)) == replicas[system["workload"]]


def test_programs_get_what_they_ask_for(site):
    for system in site.value("{{ query('role_data', *deploy_components, data='membership') }}"):
        given = json.loads(json.dumps(system["input"]))
        text = (PROGRAMS / system["system"] / "membership.py").read_text()
        assert set(re.findall(r'wanted\["(\w+)"\]', text)) - {"lost"} <= set(given), system["system"]
        if system["system"] not in WITHOUT_PASSWORDS:
            current, previous = given.get("passwords") or given["administrators"]
            assert current and previous
