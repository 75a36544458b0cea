"""Keeps Kafka as declared: users and what they may do, topics, settings that brokers reload.

No topic and no user is dropped, but a user is allowed no more than is declared.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from kafka import KafkaAdminClient
from kafka import admin as a
from kafka.errors import KafkaError

from programs import protocol
from programs.kafka.connection import ADMIN, absent, login
from programs.protocol import Absent, Actions, Refusal, Wanted
from programs.waiting import until

Change = tuple[str, Callable[[], object]]  # what it is called, and how it is done


def text(value: Any) -> str:
    """A setting as Kafka keeps it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def describe(admin: KafkaAdminClient, kind: Any, name: str, keys: Any) -> dict[str, Any]:
    """Setting → {value, config_source, …} of a broker or a topic."""
    resource = a.ConfigResource(kind, name, list(keys))
    return admin.describe_configs([resource], config_filter="all")[kind.name.lower()][name]


def accepted(answer: Mapping[Any, Any]) -> None:
    """Raises Refusal for what a request for several things was refused: {thing: reason, or none}."""
    if refused := {str(thing): str(reason) for thing, reason in answer.items() if reason not in (None, "OK")}:
        raise Refusal(f"refused: {refused}")


def alter(admin: KafkaAdminClient, kind: Any, name: str, changes: Mapping[str, str | None]) -> None:
    """Set what has a value, reset what has none."""
    entries = {key: ("SET", value) if value is not None else ("DELETE", None) for key, value in changes.items()}
    accepted(admin.alter_configs([a.ConfigResource(kind, name, entries)])[kind.name.lower()])


def settings(admin: KafkaAdminClient, wanted: Wanted, brokers: list[int]) -> Iterator[Change]:
    """What brokers reload; a value that is declared no longer goes back to what a broker read at its start."""
    declared = {key: text(value) for key, value in wanted["settings"].items()}
    for broker in map(str, brokers):
        found = describe(admin, a.ConfigResourceType.BROKER, broker, wanted["reloaded_settings"])
        changes: dict[str, str | None] = {key: value for key, value in declared.items() if found.get(key, {}).get("value") != value}
        changes |= {key: None for key, entry in found.items() if key not in declared and entry["config_source"] == "DYNAMIC_BROKER_CONFIG"}
        if changes:
            yield (
                f"SET {', '.join(sorted(changes))} OF BROKER {broker}",
                lambda name=broker, changes=changes: alter(admin, a.ConfigResourceType.BROKER, name, changes),
            )


def users(admin: KafkaAdminClient, wanted: Wanted) -> Iterator[Change]:
    """A password is right when it opens a connection. What this connection came with changes last."""
    known = admin.describe_user_scram_credentials()
    for user in [*wanted["users"], {"name": ADMIN, "password": wanted["passwords"][0]}]:
        if user["name"] in known and (opened := login(wanted["host"], user["name"], user["password"])):
            opened.close()
            continue
        action = "ALTER" if user["name"] in known else "CREATE"
        credential = a.UserScramCredentialUpsertion(user["name"], "SCRAM-SHA-512", user["password"])
        yield (
            f"{action} USER {user['name']}",
            lambda credential=credential: accepted(admin.alter_user_scram_credentials([credential])),
        )


def rules(admin: KafkaAdminClient, wanted: Wanted) -> Iterator[Change]:
    """Access rules of the declared users. What an operator denies stays denied."""
    anything = a.ResourcePatternFilter(a.ResourceType.ANY, None, a.ACLResourcePatternType.ANY)
    there, _ = admin.describe_acls(a.ACLFilter(None, None, a.ACLOperation.ANY, a.ACLPermissionType.ANY, anything))
    declared = set()
    for user in wanted["users"]:
        for acl in user.get("acls") or []:
            kind, how = a.ResourceType[acl["resource"].upper()], a.ACLResourcePatternType[acl.get("pattern", "literal").upper()]
            pattern = a.ResourcePattern(kind, acl["name"], how)
            for operation in acl["operations"]:
                rule = a.ACL(f"User:{user['name']}", "*", a.ACLOperation[operation.upper()], a.ACLPermissionType.ALLOW, pattern)
                declared.add(rule)
                if rule not in there:
                    yield (
                        f"ALLOW {user['name']} {operation} ON {acl['resource']} {acl['name']}",
                        lambda rule=rule: accepted(dict(enumerate(admin.create_acls([rule])["failed"]))),
                    )
    users = {f"User:{user['name']}" for user in wanted["users"]}
    for rule in there:
        if rule.principal in users and rule.permission_type == a.ACLPermissionType.ALLOW and rule not in declared:
            where = f"{rule.resource_pattern.resource_type.name.lower()} {rule.resource_pattern.resource_name}"
            yield (
                f"NO LONGER ALLOW {rule.principal[5:]} {rule.operation.name.lower()} ON {where}",
                lambda rule=rule: accepted(dict(enumerate(error if error.errno else None for *_, error in admin.delete_acls([rule])))),
            )


def topics(admin: KafkaAdminClient, wanted: Wanted) -> Iterator[Change]:
    """Topics, the number of their partitions, their settings."""
    there = {topic["name"]: len(topic["partitions"]) for topic in admin.describe_topics()}
    for topic in wanted["topics"]:
        name, count = topic["name"], topic["partitions"]
        declared = {"min.insync.replicas": wanted["min_insync_replicas"], **topic["settings"]}
        declared = {key: text(value) for key, value in declared.items()}
        if name not in there:
            new = {"num_partitions": count, "replication_factor": wanted["replication_factor"], "configs": declared}
            yield f"CREATE TOPIC {name}", lambda name=name, new=new: admin.create_topics({name: new}, wait_for_metadata=True)
            continue
        if there[name] > count:
            raise Refusal(f"topic {name}: found {there[name]} partitions, wanted {count}; Kafka cannot take partitions away")
        if there[name] < count:
            yield (
                f"ADD {count - there[name]} PARTITIONS TO TOPIC {name}",
                lambda name=name, count=count: admin.create_partitions({name: count}),
            )
        found = describe(admin, a.ConfigResourceType.TOPIC, name, declared)
        if changes := {key: value for key, value in declared.items() if found.get(key, {}).get("value") != value}:
            yield (
                f"SET {', '.join(sorted(changes))} OF TOPIC {name}",
                lambda name=name, changes=changes: alter(admin, a.ConfigResourceType.TOPIC, name, changes),
            )


def enter(wanted: Wanted, patience: float) -> KafkaAdminClient:
    """The administrator's connection.

    :raises Refusal: none of the passwords is the right one.
    """
    admin = until(
        lambda: protocol.admitted(wanted["passwords"], lambda word: login(wanted["host"], ADMIN, word)), patience, faults=KafkaError
    )
    if not admin:
        raise Refusal("no login as admin")
    return admin


def alive(admin: KafkaAdminClient) -> list[int]:
    """Brokers that serve."""
    return [broker["broker_id"] for broker in admin.describe_cluster()["brokers"] if not broker.get("is_fenced")]


def converge(wanted: Wanted, actions: Actions) -> None:
    """See programs.protocol."""
    if actions.check and absent(wanted["host"]):
        raise Absent(f"there is no {wanted['host']}")
    patience = protocol.patience(wanted)
    with enter(wanted, patience) as admin:

        def brokers() -> list[int]:
            known = alive(admin)
            return known if actions.check or len(known) >= int(wanted["brokers"]) else []

        found = until(brokers, patience, faults=KafkaError)
        if not found:
            raise Refusal(f"fewer than {wanted['brokers']} brokers")
        for part in (settings(admin, wanted, found), topics(admin, wanted), rules(admin, wanted), users(admin, wanted)):
            for name, how in part:
                if actions.add(name):
                    how()


if __name__ == "__main__":
    protocol.keep(converge, KafkaError)
