"""Whether PostgreSQL can lose members: by what each says of its part, and which replicas have all that was acknowledged.

Patroni's own API is for members alone, so this comes as a client; to one that may not see the details of replication the server still
tells who replicates, and the replicas how far they are.

Input: hosts (a pattern, %d is a member's number), port, members, database, user, passwords (newest first), synchronous (Patroni's
synchronous_mode), strict (its synchronous_mode_strict).
"""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass

import psycopg2

from programs import membership, protocol
from programs.membership import Membership
from programs.protocol import Refusal, Wanted

ATTEMPT = 2  # seconds, the least that libpq takes
LATE = 16 * 2**20  # bytes of the log that a replica may be behind, one segment
QUERY = """
SELECT pg_is_in_recovery(),
  (CASE WHEN pg_is_in_recovery() THEN pg_last_wal_receive_lsn() ELSE pg_current_wal_lsn() END - '0/0'::pg_lsn)::bigint,
  current_setting('synchronous_standby_names'),
  ARRAY(SELECT application_name FROM pg_stat_replication)
"""


@dataclass
class State:
    """What a member says.

    `log`: how far its log is, None where there is none yet. `synchronous`: names of the replicas for which commits wait.
    """

    follows: bool
    log: int | None
    synchronous: list[str]
    followers: list[str]


def asked(wanted: Wanted, host: str) -> State | None:
    """What a member says, None where nobody serves.

    :raises Refusal: it does not let the user in.
    """

    def enter(password: str) -> State | None:
        target = {"host": host, "port": wanted["port"], "dbname": wanted["database"], "user": wanted["user"], "password": password}
        limits = {"connect_timeout": ATTEMPT, "tcp_user_timeout": ATTEMPT * 1000, "options": f"-c statement_timeout={ATTEMPT}s"}
        try:
            with closing(psycopg2.connect(**target, **limits, sslmode="verify-full")) as connection, connection.cursor() as cursor:
                cursor.execute(QUERY)
                ((follows, log, names, followers),) = cursor.fetchall()
        except psycopg2.OperationalError as error:
            if "password authentication failed" in str(error):
                return None
            raise
        return State(follows, log, re.findall(r'"([^"]+)"', names), followers)

    try:
        if found := protocol.admitted(wanted["passwords"], enter):
            return found
    except psycopg2.OperationalError:
        return None
    raise Refusal(f"{host} does not let {wanted['user']} in")


def judged(said: dict[str, State | None], wanted: Wanted) -> Membership:
    """What follows from the answers of the members."""
    there, lost, found = {pod: state for pod, state in said.items() if state}, set(wanted["lost"]), Membership()
    found.absent(said, there)
    found.leaders += [pod for pod, state in there.items() if not state.follows]
    if len(found.leaders) != 1:
        found.why.append(f"found {len(found.leaders)} leaders; wanted one")
        if away := sorted(lost & there.keys()):  # each may be the one that has everything
            found.losing.append(f"found {len(found.leaders)} leaders; wanted one before {', '.join(away)} goes")
            found.held += found.losing
        return found
    if len(said) == 1:
        found.alone += sorted(lost & said.keys())
        return found
    (leader,) = found.leaders
    first = there[leader]
    follow = {pod for pod in there if pod in first.followers}
    found.why += [f"{pod} does not follow {leader}" for pod in there if pod not in {leader, *follow}]
    behind = {pod: (first.log or 0) - (there[pod].log or 0) for pod in follow}
    found.why += [f"{pod} is {size // 2**20} MiB behind" for pod, size in behind.items() if size > LATE]
    current = {pod for pod, size in behind.items() if size <= LATE}
    waited_for = follow & set(first.synchronous)
    if wanted["synchronous"] and not waited_for:
        found.why.append("no replica is synchronous")
    safe = {leader} | (waited_for if wanted["synchronous"] else current)
    if (gone := safe & lost) and not safe - lost:
        found.losing.append(f"found 0 of {len(said)} members with every commit without {', '.join(sorted(gone))}; wanted 1")
        found.held += found.losing
    if wanted["strict"] and (gone := {leader, *follow} & lost) and len(rest := {leader, *follow} - lost) < 2:
        found.held.append(f"found {len(rest)} of {len(said)} members for a commit without {', '.join(sorted(gone))}; wanted 2")
    return found


def ask(wanted: Wanted) -> Membership:
    """See programs.membership."""
    hosts = [wanted["hosts"] % number for number in range(wanted["members"])]
    with ThreadPoolExecutor(len(hosts)) as pool:
        said = dict(zip((host.partition(".")[0] for host in hosts), pool.map(lambda host: asked(wanted, host), hosts), strict=True))
    if not any(said.values()):
        raise Refusal(f"no member answers at {wanted['hosts']}")
    return judged(said, wanted)


if __name__ == "__main__":
    membership.tell(ask, psycopg2.Error)
