"""Whether MinIO can lose members: by the drives of each erasure set that are there and need no healing.

Input: address, name and passwords (root's, newest first), members, parity (where the server does not say it).
"""

from __future__ import annotations

import tempfile
from typing import Any

from programs import membership, protocol
from programs.membership import Membership, Shared
from programs.minio.objects import WRONG, Mc, McError
from programs.protocol import Refusal, Wanted

Json = dict[str, Any]


def pod(server: Json) -> str:
    """The pod of a server."""
    return str(server.get("endpoint", "")).partition(".")[0]


def sets(info: Json, parity: int) -> list[Shared]:
    """Each erasure set as its drives, and how many of them it takes to write an object."""
    backend = info.get("backend") or {}
    parity = backend.get("standardSCParity", parity)
    shape = list(zip(backend.get("totalSets") or [], backend.get("totalDrivesPerSet") or [], strict=False))  # of each pool
    sizes = {(pool, number): size for pool, (count, size) in enumerate(shape) for number in range(count)}
    drives: dict[tuple[int, int], list[tuple[str, bool]]] = {place: [] for place in sizes}
    for server in info.get("servers") or []:
        for drive in server.get("drives") or []:
            place = drive.get("pool_index", 0), drive.get("set_index", 0)
            well = server.get("state") == "online" and drive.get("state") == "ok" and not drive.get("healing")
            if min(place) >= 0:  # nobody knows where one belongs that has not answered yet
                drives.setdefault(place, []).append((pod(server), well))
    found = []
    for place, copies in sorted(drives.items()):
        count = max(sizes.get(place, 0), len(copies))
        needed = count - parity + (2 * parity == count)
        found.append(Shared(f"drives of set {place[1]} in pool {place[0]}", copies, needed, count, least=count - parity))
    return found


def judged(info: Json, wanted: Wanted) -> Membership:
    """What follows from the answer of the servers, none of which leads."""
    found = Membership()
    online = {pod(server) for server in info.get("servers") or [] if server.get("state") == "online"}
    found.why += [f"{member} is not online" for member in wanted["members"] if member not in online]
    found.judge(sets(info, wanted["parity"]), wanted["lost"])
    return found


def refuses(mc: Mc) -> bool:
    """Whether it is the password that is wrong: `admin info` gives no code with what it says."""
    try:
        mc("ls", "site")
    except McError as error:
        return error.code in WRONG
    return False


def ask(wanted: Wanted) -> Membership:
    """See programs.membership."""
    with tempfile.TemporaryDirectory() as folder:

        def enter(password: str) -> list[Json] | None:
            mc = Mc(wanted["address"], {"name": wanted["name"], "password": password}, folder)
            try:
                return mc("admin", "info", "site")
            except McError:
                if refuses(mc):
                    return None
                raise

        answers = protocol.admitted(wanted["passwords"], enter)
    if not answers:
        raise Refusal(f"{wanted['address']} refuses the password of {wanted['name']}")
    return judged(answers[0].get("info") or {}, wanted)


if __name__ == "__main__":
    membership.tell(ask)
