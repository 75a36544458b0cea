"""What MinIO says of its members, from answers like those of mc."""

from __future__ import annotations

import pytest

from programs.minio import membership
from programs.minio.objects import McError
from programs.protocol import Refusal

MEMBERS = [f"minio-{number}" for number in range(4)]
WANTED = {"address": "minio-client:9000", "name": "root", "passwords": ["new", "old"], "members": MEMBERS, "parity": 2}


def server(number, away, healing, drives):
    where = f"minio-{number}.minio.voicehelper-storage.svc:9000"
    if number in away:
        return {"endpoint": where, "state": "offline"}
    told = [
        {"endpoint": f"https://{where}/data{place}", "state": "ok", "healing": number in healing, "pool_index": 0, "set_index": 0}
        for place in range(drives)
    ]
    return {"endpoint": where, "state": "online", "drives": told}


def info(away=(), healing=(), parity=2, drives=1):
    backend = {"backendType": "Erasure", "standardSCParity": parity, "totalSets": [1], "totalDrivesPerSet": [4 * drives]}
    return {"backend": backend, "servers": [server(number, away, healing, drives) for number in range(4)]}


@pytest.fixture
def ask(monkeypatch):
    def run(*lost, password="new", code="SignatureDoesNotMatch", **state):
        class Mc:
            def __init__(self, _address, root, _folder):
                self.root = root

            def __call__(self, *words):
                if self.root != {"name": "root", "password": password}:
                    raise McError("mc: refused", code if words == ("ls", "site") else "")
                assert words == ("admin", "info", "site")
                return [{"status": "success", "info": info(**state)}]

        monkeypatch.setattr(membership, "Mc", Mc)
        return membership.ask({**WANTED, "lost": [MEMBERS[number] for number in lost]}).answer()

    return run


def test_a_whole_system_can_lose_any_one_member(ask):
    for number in range(4):
        assert ask(number) == {"leaders": [], "alone": [], "whole": True, "why": "", "held": [], "losing": []}


def test_two_drives_can_be_read_but_not_written(ask):
    assert ask(0, 1)["held"] == ["drives of set 0 in pool 0: found 2 of 4 copies in step without minio-0, minio-1; wanted 3"]
    assert ask(0, 1)["losing"] == []  # it takes no writes meanwhile, and heals from two drives
    assert ask(0, 1, 2)["losing"] == ask(0, 1, 2)["held"] != []


def test_less_parity_leaves_no_drive_to_lose(ask):
    assert ask(0, parity=1)["held"] == []
    assert ask(0, parity=0)["held"] == ["drives of set 0 in pool 0: found 3 of 4 copies in step without minio-0; wanted 4"]


@pytest.mark.parametrize(
    ("state", "why"),
    [
        ({"healing": [3]}, "drives of set 0 in pool 0: 3 of 4 copies in step, not minio-3"),
        ({"away": [3]}, "minio-3 is not online; drives of set 0 in pool 0: 3 of 4 copies in step"),
    ],
)
def test_who_heals_or_is_away_can_go_and_nobody_else(ask, state, why):
    found = ask(3, **state)
    assert (found["held"], found["why"]) == ([], why)
    assert "found 2 of 4 copies in step without minio-0; wanted 3" in ask(0, **state)["held"][0]


def test_a_member_goes_with_all_its_drives(ask):
    assert ask(0, drives=2)["held"] == [] and ask(0, drives=2, parity=4)["held"] == []
    assert ask(0, drives=2, parity=1)["held"] == ["drives of set 0 in pool 0: found 6 of 8 copies in step without minio-0; wanted 7"]


def test_the_previous_password_counts_while_it_is_replaced(ask):
    assert ask(password="old")["whole"]
    with pytest.raises(Refusal, match="refuses the password of root"):
        ask(password="another")
    with pytest.raises(McError):
        ask(password="another", code="XMinioServerNotInitialized")
