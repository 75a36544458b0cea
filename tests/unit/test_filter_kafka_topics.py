"""bounded_topics: whatever is declared, the topics of a broker fit its volume."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleFilterError

from plugins.filter import kafka_topics

MIB = 2**20
OWN = {"name": "own", "partitions": 2, "settings": {"retention.bytes": 8 * MIB}}


def most(topics, copies):
    """What a broker's copies of all partitions may take, in bytes."""
    sizes = [(topic["partitions"], topic["settings"]) for topic in topics]
    return sum(count * (int(s["retention.bytes"]) + int(s["segment.bytes"])) for count, s in sizes) * copies


@pytest.mark.parametrize("copies", [1, 0.6])
def test_topics_share_the_room_and_no_more(copies):
    topics = kafka_topics.bounded_topics([OWN, {"name": "a", "partitions": 6}, {"name": "b", "partitions": 12}], 1000, copies)
    assert 0.999 * 1000 * MIB < most(topics, copies) <= 1000 * MIB
    assert topics[1]["settings"] == topics[2]["settings"]


def test_what_a_topic_states_itself_stays():
    settings = {"retention.bytes": 8 * MIB, "segment.bytes": 4 * MIB, "retention.ms": 1000}
    own, other = kafka_topics.bounded_topics([{**OWN, "settings": settings}, {"name": "a", "partitions": 1}], 64, 1)
    assert own["settings"] == settings
    assert most([other], 1) <= 40 * MIB


def test_segments_are_a_part_of_what_is_kept():
    (own,) = kafka_topics.bounded_topics([OWN], 64, 1)
    assert own["settings"] == {"retention.bytes": 8 * MIB, "segment.bytes": 2 * MIB}


def test_a_segment_is_no_larger_than_the_servers_own_default():
    (topic,) = kafka_topics.bounded_topics([{"name": "a", "partitions": 1}], 100 * 1024, 1)
    assert topic["settings"]["segment.bytes"] == 2**30


@pytest.mark.parametrize("topics", [[{"name": "a", "partitions": 100}], [OWN, {**OWN, "partitions": 100}]])
def test_what_does_not_fit_is_refused(topics):
    with pytest.raises(AnsibleFilterError, match="wanted at least 5 MiB"):
        kafka_topics.bounded_topics(topics, 400, 1)
