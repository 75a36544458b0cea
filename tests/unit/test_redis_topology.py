"""What the keeper does about a cluster in which topology."""

from __future__ import annotations

from itertools import pairwise, permutations

import pytest

from programs.redis import keeper, topology

PORT = 6379


class Site:
    """Members that do as they are told: enough of Redis for the keeper's steps."""

    def __init__(self, nodes, replicas=1):
        self.replicas = replicas
        self.members = []
        for number, node in enumerate(nodes):
            identity, ip, host = f"id{number}", f"10.0.0.{number}", f"redis-{number}"
            known = {identity: topology.Known(identity, ip, host, "", [])}
            self.members.append(topology.Member(host, identity, ip, node, 0, True, True, "", True, known))

    def number(self, host):
        return next(m for m in self.members if m and m.host == host)

    def refresh(self):
        """Everybody hears of everybody whom anybody knows."""
        there = [m for m in self.members if m]
        truth = {m.id: m.known[m.id] for m in there}
        for m in there:
            m.known = {
                identity: truth.get(identity, known) for other in there if m.id in other.known for identity, known in other.known.items()
            }

    def obey(self, host, command):
        member, (_, what, *words) = self.number(host), command
        itself = member.known[member.id]
        if what == "MEET":
            other = next(m for m in self.members if m and m.ip == words[0])
            member.known |= other.known
            other.known |= member.known
        elif what == "ADDSLOTSRANGE":
            itself.slots.append(f"{words[0]}-{words[1]}")
        elif what == "REPLICATE":
            itself.primary, member.follows = words[0], next(m.ip for m in self.members if m and m.id == words[0])
        elif what == "FORGET":
            member.known.pop(words[0], None)
        elif what == "FAILOVER":
            former = next(m for m in self.members if m.id == member.primary)
            itself.slots, former.known[former.id].slots = former.slots, []
            former.known[former.id].primary, former.follows, itself.primary = member.id, member.ip, ""

    def settle(self, rounds=30, settled=True):
        """Let the keeper work until it finds nothing to do; all that it did. Time is long, unless it is not ``settled``."""
        done = []
        for _ in range(rounds):
            cluster = topology.Cluster(self.members, self.replicas, PORT)
            steps = cluster.steps(settled and cluster.calm())
            for step in steps:
                self.obey(*step)
            if any(command[1] == "FORGET" for _, command in steps):
                gone = {command[2] for _, command in steps if command[1] == "FORGET"}
                assert all(not gone & m.known.keys() for m in self.members if m)
            done += steps
            self.refresh()
            if not steps:
                return done
        raise AssertionError(f"still busy: {done[-3:]}")

    def primaries(self):
        return [m for m in self.members if m and not m.primary]

    def apart(self):
        """Whether no replica shares a node with its primary."""
        by_id = {m.id: m for m in self.members if m}
        return all(m.node != by_id[m.primary].node for m in by_id.values() if m.primary)


THREE, SIX = ["a", "b", "c"] * 2, list("abcdef")


@pytest.mark.parametrize("nodes", [THREE, ["a", "a", "b", "b", "c", "c"], ["a", "b", "b", "c", "c", "a"], SIX, [*"abcabcab"]])
def test_a_new_cluster_is_formed_over_all_nodes(nodes):
    site = Site(nodes)
    site.settle()
    slots = sorted(tuple(map(int, m.slots[0].split("-"))) for m in site.primaries())
    assert len(slots) == len(nodes) // 2
    assert slots[0][0] == 0 and slots[-1][1] == 16383
    assert all(first[1] + 1 == second[0] for first, second in pairwise(slots))
    assert site.apart()
    assert len({m.node for m in site.primaries()}) == min(len(slots), len(set(nodes)))


def test_nothing_is_done_while_one_of_a_new_cluster_is_missing():
    site = Site(THREE)
    site.members[5] = None
    assert {command[1] for _, command in site.settle()} == {"MEET"}


def test_no_slot_is_given_out_where_there_are_keys():
    site = Site(THREE)
    site.members[2].keys = 1
    assert {command[1] for _, command in site.settle()} == {"MEET"}


@pytest.fixture
def site():
    made = Site(THREE)
    made.settle()
    return made


def test_a_cluster_in_shape_is_left_alone(site):
    assert site.settle() == []


def test_members_with_new_addresses_are_brought_together(site):
    for m in site.members:
        m.serves, m.ip = False, m.ip.replace("10.0.0", "10.0.1")
        m.known = {i: topology.Known(i, k.ip, k.host, k.primary, k.slots) for i, k in m.known.items()}
        m.known[m.id].ip = m.ip
    steps = topology.Cluster(site.members, 1, PORT).steps(True)
    assert steps == [("redis-0", ("CLUSTER", "MEET", f"10.0.1.{n}", PORT)) for n in range(1, 6)]


def test_a_replica_is_told_where_its_primary_went(site):
    replica = next(m for m in site.members if m.primary)
    before, replica.follows = replica.follows, "10.9.9.9"
    assert site.settle() == [(replica.host, ("CLUSTER", "REPLICATE", replica.primary))]
    assert replica.follows == before


def lose(site, number):
    """The member's volume is gone: another one answers at its name."""
    former = site.members[number]
    site.members[number] = topology.Member(former.host, "new", "10.0.2.9", former.node, 0, False, True, "", True, {})
    site.members[number].known = {"new": topology.Known("new", "10.0.2.9", former.host, "", [])}
    return former


def test_a_member_without_its_volume_gets_its_place_back(site):
    number = next(n for n, m in enumerate(site.members) if m.primary)
    former = lose(site, number)
    kinds = [command[1] for _, command in site.settle()]
    assert kinds[:2] == ["MEET", "REPLICATE"] and set(kinds[2:]) == {"FORGET"}
    assert site.members[number].primary == former.primary


@pytest.mark.parametrize("ignorant", range(6))
def test_a_former_self_is_forgotten_though_who_came_later_never_heard_its_name(site, ignorant):
    for number, m in enumerate(site.members):
        m.known["old"] = topology.Known("old", "10.9.9.9", "" if number == ignorant else "redis-3", site.members[1].id, [])
    assert {(host, command[2]) for host, command in topology.Cluster(site.members, 1, PORT).steps(True)} == {
        (m.host, "old") for m in site.members
    }


def test_a_lost_primary_that_nobody_replaced_is_not_forgotten(site):
    number = next(n for n, m in enumerate(site.members) if not m.primary)
    former = lose(site, number)
    site.settle()
    assert former.id in site.members[(number + 1) % 6].known
    assert not site.members[number].primary and not site.members[number].slots


def test_a_member_that_is_away_keeps_its_place(site):
    number = next(n for n, m in enumerate(site.members) if m.primary)
    site.members[number] = None
    assert site.settle() == []


def test_primaries_go_back_to_where_they_are_apart(site):
    first = site.primaries()[0]
    replica = next(m for m in site.members if m.primary == first.id)
    site.obey(replica.host, ("CLUSTER", "FAILOVER"))
    site.refresh()
    assert len({m.node for m in site.primaries()}) == 2
    assert {command[1] for _, command in site.settle()} == {"FAILOVER"}
    assert len({m.node for m in site.primaries()}) == 3


def test_nobody_changes_its_part_during_a_roll_out(site):
    first = site.primaries()[0]
    site.obey(next(m.host for m in site.members if m.primary == first.id), ("CLUSTER", "FAILOVER"))
    site.refresh()
    assert site.settle(settled=False) == []


def test_a_shard_on_one_node_exchanges_its_replica(site):
    by_id = {m.id: m for m in site.members}
    here, there = next(
        (a, b)
        for a, b in permutations((m for m in site.members if m.primary), 2)
        if a.node == by_id[b.primary].node and a.primary != b.primary
    )
    for m, primary in ((here, there.primary), (there, here.primary)):
        m.known[m.id].primary, m.follows = primary, by_id[primary].ip
    site.refresh()
    assert not site.apart()
    site.settle()
    assert site.apart()
    assert sorted(m.primary for m in site.members if m.primary) == sorted(m.id for m in site.primaries())


def test_a_primary_with_a_full_disk_hands_over(site):
    primary = site.primaries()[0]
    replica = next(m for m in site.members if m.primary == primary.id)
    primary.writes = False
    assert site.settle() == [(replica.host, ("CLUSTER", "FAILOVER"))]
    assert primary.primary == replica.id


def test_added_members_become_primaries_and_replicas(site):
    grown = Site([*THREE, "a", "b"])
    grown.members[:6] = site.members
    grown.settle()
    added = grown.members[6:]
    assert sorted(bool(m.primary) for m in added) == [False, True]
    assert grown.apart()
    assert not any(m.slots for m in added)  # moving them is asked for by a run


def test_members_are_read_as_redis_lists_them():
    text = (
        "a1 10.0.0.1:6379@16379,redis-0.redis master - 0 1 1 connected 0-5460 [77->-b2]\n"
        "b2 10.0.0.2:6379@16379,redis-1.redis myself,slave a1 0 1 1 connected\n"
        "c3 :0@0,redis-2.redis master,fail,noaddr - 1 1 1 disconnected\n"
    )
    found = topology.table(text)
    assert found["a1"] == topology.Known("a1", "10.0.0.1", "redis-0.redis", "", ["0-5460"])
    assert (found["b2"].primary, found["c3"].ip) == ("a1", "")


def test_it_is_not_calm_until_a_while_after_a_primary_has_handed_over():
    """Between two looks a primary may hand over and all be well again: it is about to stop."""
    site, calm = Site(["n0", "n1", "n2", "n0", "n1", "n2"]), keeper.Calm()
    site.settle()

    def lasts(now):
        site.refresh()
        return calm.lasts(topology.Cluster(site.members, 1, PORT), now)

    assert [lasts(now) for now in (0, 30, 61)] == [0, 30, 61]
    site.obey(next(m.host for m in site.members if m.known[m.id].primary), ("CLUSTER", "FAILOVER"))
    assert topology.Cluster([*site.members], 1, PORT).calm()
    assert [lasts(now) for now in (64, 67)] == [0, 3]
