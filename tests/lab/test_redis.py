"""A setting of Redis changes under a client's eyes: members are replaced one at a time, no request fails, nothing else is touched."""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from itertools import pairwise

import pytest

from tests import stages
from tests.chaos.cluster import ClusterError, kubectl, members, objects
from tests.chaos.stream import Stream
from tests.chaos.systems import SYSTEMS

pytestmark = pytest.mark.long

CLUSTER = "redis-cluster"
SETTING, VALUE = "slowlog-max-len", 129  # another value than the default
SECONDS, SILENCE = 1200, 10

# An ordinary client with its library's own settings: writes a key and reads it back, all over the cluster.
CLIENT = """
import os, time
from redis.cluster import RedisCluster
options = {"username": "voicehelper", "password": os.environ["REDIS_PASSWORD"], "ssl": True, "decode_responses": True}
client, number = RedisCluster(host="redis", port=6379, socket_timeout=5, socket_connect_timeout=2, **options), int(time.time() * 1000)
while True:
    number += 1
    try:
        client.set(f"request:{number}", number, ex=60)
        found = client.get(f"request:{number}")
        print(*([number, time.time()] if found == str(number) else ["error", time.time(), "read", found]), flush=True)
    except Exception as error:
        print("error", time.time(), type(error).__name__, *str(error).split(), flush=True)
    time.sleep(0.01)
"""


@pytest.fixture
def client() -> Iterator[Stream]:
    """A pod that makes requests all the time."""
    stream = Stream(next(system for system in SYSTEMS if system.name == "redis"))
    stream.pod, stream.program = "redis-client", CLIENT
    stream.start()
    yield stream
    stream.stop()


def running() -> dict[str, str]:
    """Every container of the cluster: its name and its id."""
    return {
        f"{pod['metadata']['namespace']}/{pod['metadata']['name']}/{status['name']}": status.get("containerID", "")
        for pod in objects("pods", "--all-namespaces")
        if not any(owner["kind"] == "Job" for owner in pod["metadata"].get("ownerReferences", []))
        for status in pod["status"].get("containerStatuses", [])
    }


def run(settings: dict[str, int]) -> list[int]:
    """Run the role with some settings, or with the site's own; how many members were ready, as seen meanwhile."""
    extra = ["-e", json.dumps({"redis_settings": settings})] if settings else []
    command = [*stages.LAB, "run", "playbooks/tiers/02-storage.yml", "--tags", "redis", *extra]
    ready, deadline = [], time.monotonic() + SECONDS
    with tempfile.TemporaryFile("w+") as log, subprocess.Popen(command, cwd=stages.PROJECT, stdout=log, stderr=log) as play:
        while play.poll() is None and time.monotonic() < deadline:
            with suppress(ClusterError):  # a look that the API has no time for
                ready.append(sum(member.ready for member in members(CLUSTER)))
            time.sleep(0.5)
        play.kill()
        log.seek(0)
        assert play.wait() == 0, log.read()
    return ready


def test_a_changed_setting_rolls_redis_without_a_failed_request(client):
    before, wanted = running(), len(members(CLUSTER))
    try:
        client.go_on(time.time() + 5)
        ready = run({SETTING: VALUE})
        client.go_on(time.time() + 5)
        lines = [line.split() for line in kubectl("logs", client.pod).splitlines()]
        changed = {name.split("/")[1] for name, identity in running().items() if before.get(name) != identity}
        moments = [float(words[1]) for words in lines if words[0].isdecimal()]
        silence = max(later - earlier for earlier, later in pairwise(moments))
        print(f"\n{len(moments)} requests, {silence:.1f} s without an answer at most; members ready: {min(ready)} of {wanted} or more")
        assert [line for line in lines if line[0] == "error"] == []
        assert silence < SILENCE
        assert changed == {f"{CLUSTER}-{number}" for number in range(wanted)}
        assert min(ready) == wanted - 1
        for member in members(CLUSTER):
            assert kubectl("exec", member.name, "--", "redis-cli", "CONFIG", "GET", SETTING).split() == [SETTING, str(VALUE)]
    finally:
        run({})


def test_a_stranger_in_the_pod_needs_the_password():
    with pytest.raises(ClusterError, match="NOAUTH"):
        kubectl("exec", f"{CLUSTER}-0", "--", "env", "-u", "REDISCLI_AUTH", "redis-cli", "-e", "PING")
