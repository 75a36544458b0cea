"""Keeps Redis as declared: its users on every member, all members in the cluster, and slots on every primary.

Users are changed in the running members; their files have the same for the next start. With patience 0 only members that answer are seen
to, and the rest is left for later. Nobody is dropped.
"""

from __future__ import annotations

import hashlib
import subprocess
from typing import Any

import redis

from programs import protocol
from programs.protocol import Absent, Actions, Refusal, Wanted
from programs.redis import connection
from programs.redis.connection import redis_cli, said, table
from programs.redis.topology import SLOTS
from programs.waiting import until

Json = dict[str, Any]
State = tuple[str, bool, bool]  # why the member is not where it belongs, whether it is a primary without slots, whether slots move
PAUSE = 2
ADMIN = "admin"


def hashes(user: Json) -> set[str]:
    """What Redis keeps of the user's passwords: the current one, and the previous one while it is being replaced."""
    return {hashlib.sha256(user[key].encode()).hexdigest() for key in ("password", "previous") if user.get(key)}


def rules(user: Json) -> dict[str, str]:
    """Commands, keys and channels as they are declared."""
    return {part: user.get(part) or "" for part in ("commands", "keys", "channels")}


def connect(wanted: Wanted, host: str) -> Any:
    """An administrator's connection, None where nobody answers. While the password is replaced, a member may know only the previous one."""
    admin = administrator(wanted)

    def enter(password: str) -> Any:
        client = connection.member(host, wanted["port"], ADMIN, password, timeout=10, connect_timeout=3)
        try:
            client.ping()
        except redis.AuthenticationError:
            return None
        return client

    try:
        if client := protocol.admitted([admin["password"], admin["previous"]], enter):
            return client
    except (redis.ConnectionError, redis.TimeoutError):
        return None
    except redis.RedisError as error:
        raise Refusal(f"{host}: {error}") from error
    raise Refusal(f"{host}: refuses the administrator's password")


def administrator(wanted: Wanted) -> Json:
    """Whose password the members are asked with."""
    return next(user for user in wanted["users"] if user["name"] == ADMIN)


def user_changes(client: Any, user: Json) -> list[tuple[str, list[str]]]:
    """(what to do, its arguments) for a user that is not as declared."""
    found = table(client.execute_command("ACL", "GETUSER", user["name"]))
    changes = []
    if not found:
        changes.append("CREATE USER")
    elif set(found["passwords"]) != hashes(user):
        changes.append("SET PASSWORD OF USER")
    if found and any(found[part] != text for part, text in rules(user).items()):
        changes.append("SET RULES OF USER")
    arguments = ["reset", "on", *(f"#{value}" for value in sorted(hashes(user))), *" ".join(rules(user).values()).split()]
    return [(f"{change} {user['name']}", arguments) for change in changes]


def keep_users(client: Any, wanted: Wanted, host: str, actions: Actions) -> None:
    """Users of one member, and the password with which it follows its primary."""
    where = f"on {host.split('.')[0]}"
    for user in wanted["users"]:
        todo = user_changes(client, user)
        for action, _ in todo:
            actions.add(f"{action} {where}")
        if todo and not actions.check:
            client.execute_command("ACL", "SETUSER", user["name"], *todo[0][1])
            if left := [action for action, _ in user_changes(client, user)]:
                raise Refusal(f"{host}: {left[0]} has no effect; wanted its rules in the form in which ACL GETUSER shows them")
    if client.config_get("masterauth")["masterauth"] != wanted["replication"] and actions.add(f"SET PASSWORD OF REPLICATION {where}"):
        client.config_set("masterauth", wanted["replication"])


def state(client: Any, wanted: Wanted) -> State:
    """What a member says of its place."""
    cluster = dict(line.split(":", 1) for line in client.execute_command("CLUSTER", "INFO").splitlines() if ":" in line)
    itself = next(line for line in client.execute_command("CLUSTER", "NODES").splitlines() if "myself" in line).split()
    link, replicas = client.info("replication"), wanted["replicas_each"]
    why = ""
    if int(cluster["cluster_known_nodes"]) != wanted["members"]:
        why = f"knows {cluster['cluster_known_nodes']} of {wanted['members']} members"
    elif cluster["cluster_state"] != "ok" or int(cluster["cluster_slots_assigned"]) != SLOTS:
        why = f"cluster_state {cluster['cluster_state']}, {cluster['cluster_slots_assigned']} slots assigned"
    elif link["role"] == "slave" and (link["master_link_status"] != "up"):
        why = "has not caught up with its primary"
    elif link["role"] == "master" and sum(link[f"slave{n}"]["state"] == "online" for n in range(link["connected_slaves"])) != replicas:
        why = f"{link['connected_slaves']} replicas, wanted {replicas} that have caught up"
    slots = itself[8:]
    return why, link["role"] == "master" and not slots, any(slot.startswith("[") for slot in slots)


def work_on_all(wanted: Wanted, *command: str) -> None:
    """Let redis-cli work on the whole cluster."""
    address = f"{wanted['hosts'] % 0}:{wanted['port']}"
    try:
        redis_cli(administrator(wanted)["password"], "--user", ADMIN, "--cluster", command[0], address, *command[1:], "--cluster-yes")
    except subprocess.CalledProcessError as error:
        raise Refusal(f"redis-cli --cluster {command[0]}: {said(error)}") from error


def keep_slots(wanted: Wanted, states: dict[str, State], actions: Actions) -> None:
    """Slots that were on their way when a run was interrupted arrive; new primaries get their share."""
    if any(moving for _, _, moving in states.values()) and actions.add("FINISH MOVES OF SLOTS"):
        work_on_all(wanted, "fix")
    empty = sorted(host.split(".")[0] for host, (_, is_empty, _) in states.items() if is_empty)
    if empty and actions.add(f"MOVE SLOTS TO {', '.join(empty)}"):
        work_on_all(wanted, "rebalance", "--cluster-use-empty-masters")


def converge(wanted: Wanted, actions: Actions) -> None:
    """See programs.protocol."""
    hosts = [wanted["hosts"] % number for number in range(wanted["members"])]
    seen: set[str] = set()
    states: dict[str, State] = {}

    def look() -> bool:
        """See to the users of the members that answer; whether all members are where they belong."""
        there = {host: client for host in hosts if (client := connect(wanted, host))}
        for host, client in there.items():
            if host not in seen:
                keep_users(client, wanted, host, actions)
                seen.add(host)
        states.clear()
        if wanted["patience"]:
            states.update({host: state(client, wanted) for host, client in there.items()})
        return not problems()

    def problems() -> list[str]:
        why = {host: states[host][0] if host in states else "does not answer" for host in hosts}
        return [f"{host}: {reason}" for host, reason in why.items() if reason]

    until(look, protocol.patience(wanted), pause=PAUSE)
    if not wanted["patience"]:
        return
    if not states:
        raise Absent("; ".join(problems()))
    if problems() and not actions.check:
        raise Refusal("; ".join(problems()))
    keep_slots(wanted, states, actions)


if __name__ == "__main__":
    protocol.keep(converge)
