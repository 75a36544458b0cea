"""Filters for Kafka."""

from __future__ import annotations

from ansible.errors import AnsibleFilterError

_LEAST, _MOST = 2**20, 2**30  # what the server allows, and its own default


def bounded_topics(topics: list[dict], room: int, copies: float) -> list[dict]:
    """Topics with a bound on every partition, so that all of them together cannot fill a broker's volume.

    A partition holds up to its `retention.bytes` and one segment more, as only whole segments are removed. A topic with a `retention.bytes`
    of its own keeps it; the others share what is left, alike for each partition.

    Args:
        topics: [{name, partitions, settings}], settings optional.
        room: mebibytes of a broker's volume that topics may take.
        copies: share of all partitions that one broker holds: copies of a partition divided by brokers, at most 1.

    Raises:
        AnsibleFilterError: they do not fit.
    """
    left = room * 2**20 - sum(_space(topic) * topic["partitions"] * copies for topic in topics if _own(topic))
    sharing = sum(topic["partitions"] for topic in topics if not _own(topic)) * copies
    share = int(left / sharing) if sharing else 0
    if left < 0 or (sharing and share < 5 * _LEAST):
        raise AnsibleFilterError(
            f"kafka_topics: found {room} MiB for them on each broker, {left / 2**20:.0f} of these for {sharing:.0f} partitions without a "
            "retention.bytes of their own; wanted at least 5 MiB for each: a larger volume, fewer partitions, or a smaller retention.bytes"
        )
    shared = {"retention.bytes": share * 4 // 5, "segment.bytes": min(share // 5, _MOST)}
    return [{**topic, "settings": {**(_segments(topic) if _own(topic) else shared), **topic.get("settings", {})}} for topic in topics]


def _own(topic):
    return "retention.bytes" in topic.get("settings", {})


def _segments(topic):
    return {"segment.bytes": max(_LEAST, min(_MOST, int(topic["settings"]["retention.bytes"]) // 4))}


def _space(topic):
    settings = {**_segments(topic), **topic["settings"]}
    return int(settings["retention.bytes"]) + int(settings["segment.bytes"])


class FilterModule:
    """Makes the filters known to Ansible."""

    def filters(self):
        return {"bounded_topics": bounded_topics}
