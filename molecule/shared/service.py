"""What holds for every stateless service: its tests inherit it, and say in SELECTOR which pods are its own."""

import re

import pytest


class Service:
    """PORT takes requests, READY is the path by which it says so; METRICS is where it is measured, METRIC one that none but it has."""

    PORT = 0
    READY = "ready"
    METRICS = 0
    METRIC = ""

    @pytest.fixture(scope="class")
    def ready(self, pods):
        """The pods that Kubernetes sends requests to; the autoscaler may be making more."""
        conditions = {pod["metadata"]["name"]: {c["type"]: c["status"] for c in pod["status"].get("conditions", [])} for pod in pods}
        found = [pod for pod in pods if conditions[pod["metadata"]["name"]].get("Ready") == "True"]
        assert found
        return found

    def test_every_pod_answers(self, ready, fetch):
        for pod in ready:
            fetch(pod, self.PORT, self.READY)  # what is no success raises

    def test_every_pod_is_measured(self, ready, fetch):
        for pod in ready:
            assert re.search(rf"^(# TYPE )?{self.METRIC}\b", fetch(pod, self.METRICS or self.PORT, "metrics"), re.MULTILINE)

    def test_no_pod_has_a_token_or_a_file_system_to_write_to(self, ready):
        for pod in ready:
            assert not [volume for volume in pod["spec"]["volumes"] if "projected" in volume]
            assert all(container["securityContext"]["readOnlyRootFilesystem"] for container in pod["spec"]["containers"])
