"""Keep Kafka as declared: users and what they may do, topics, settings that brokers reload.

Runs in the toolbox; see the module toolbox_program. No topic and no user is dropped, but a user is allowed no more than is declared.
"""

import json
import logging
import socket
import sys
import time

from kafka import KafkaAdminClient
from kafka import admin as a
from kafka.errors import KafkaError, KafkaTimeoutError, SaslAuthenticationFailedError


class Refusals(logging.Handler):
    """The client goes on after a refused login: that a server hung up on it is known from what it logs."""

    def __init__(self):
        super().__init__()
        self.seen = False

    def emit(self, record):
        for word in record.args or ():
            self.seen = self.seen or isinstance(word, SaslAuthenticationFailedError) or "socket disconnected" in str(word)


def login(host, user, password):
    """A connection, or None where the password is refused. Raises KafkaTimeoutError where nobody answers."""
    logger, refusals = logging.getLogger("kafka"), Refusals()
    logger.handlers, logger.propagate = [refusals], False
    for attempt in range(5):
        try:
            return KafkaAdminClient(
                bootstrap_servers=host,
                bootstrap_timeout_ms=3000,
                security_protocol="SASL_SSL",
                ssl_cafile="/tls/ca.crt",
                sasl_mechanism="SCRAM-SHA-512",
                sasl_plain_username=user,
                sasl_plain_password=password,
            )
        except KafkaTimeoutError:
            if refusals.seen:
                return None
            if attempt == 4:
                raise


def wait(seconds, what, problem):
    """The first true value of `what`, which may fail meanwhile. Raises SystemExit with the last problem."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            if found := what():
                return found
            said = problem
        except KafkaError as error:
            said = f"{problem}: {error}"
        if time.monotonic() > deadline:
            raise SystemExit(said)
        time.sleep(1)


def absent(host):
    """Whether there is no broker of that name."""
    try:
        return not socket.getaddrinfo(host.split(":")[0], None)
    except socket.gaierror:
        return True


def text(value):
    """A setting as Kafka keeps it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def describe(admin, kind, name, keys):
    """Setting → {value, config_source, …} of a broker or a topic."""
    resource = a.ConfigResource(kind, name, list(keys))
    return admin.describe_configs([resource], config_filter="all")[kind.name.lower()][name]


def accepted(answer):
    """Raises SystemExit for what a request for several things was refused: {thing: reason, or none}."""
    if refused := {str(thing): str(reason) for thing, reason in answer.items() if reason not in (None, "OK")}:
        raise SystemExit(f"refused: {refused}")


def alter(admin, kind, name, changes):
    """Set what has a value, reset what has none."""
    entries = {key: ("SET", value) if value is not None else ("DELETE", None) for key, value in changes.items()}
    accepted(admin.alter_configs([a.ConfigResource(kind, name, entries)])[kind.name.lower()])


def settings(admin, wanted, brokers):
    """What brokers reload; a value that is declared no longer goes back to what a broker read at its start."""
    declared = {key: text(value) for key, value in wanted["settings"].items()}
    for broker in map(str, brokers):
        found = describe(admin, a.ConfigResourceType.BROKER, broker, wanted["reloaded_settings"])
        changes = {key: value for key, value in declared.items() if found.get(key, {}).get("value") != value}
        changes |= {key: None for key, entry in found.items() if key not in declared and entry["config_source"] == "DYNAMIC_BROKER_CONFIG"}
        if changes:
            yield (
                f"SET {', '.join(sorted(changes))} OF BROKER {broker}",
                lambda name=broker, changes=changes: alter(admin, a.ConfigResourceType.BROKER, name, changes),
            )


def users(admin, wanted):
    """A password is right when it opens a connection. What this connection came with changes last."""
    known = admin.describe_user_scram_credentials()
    for user in [*wanted["users"], {"name": "admin", "password": wanted["passwords"][0]}]:
        if user["name"] in known and (opened := login(wanted["host"], user["name"], user["password"])):
            opened.close()
            continue
        action = "ALTER" if user["name"] in known else "CREATE"
        credential = a.UserScramCredentialUpsertion(user["name"], "SCRAM-SHA-512", user["password"])
        yield (
            f"{action} USER {user['name']}",
            lambda credential=credential: accepted(admin.alter_user_scram_credentials([credential])),
        )


def rules(admin, wanted):
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


def topics(admin, wanted):
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
            raise SystemExit(f"topic {name}: found {there[name]} partitions, wanted {count}; Kafka cannot take partitions away")
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


def main():
    """One run."""
    wanted = json.load(sys.stdin)
    check, patience = wanted["check"], int(wanted["patience"])

    def enter():
        return next(filter(None, (login(wanted["host"], "admin", password) for password in dict.fromkeys(wanted["passwords"]))), None)

    if check and absent(wanted["host"]):  # it would come with this very run
        print(json.dumps({"actions": []}))
        return
    with wait(patience, enter, "no login as admin") as admin:

        def brokers():
            known = [broker["broker_id"] for broker in admin.describe_cluster()["brokers"] if not broker.get("is_fenced")]
            return known if check or len(known) >= int(wanted["brokers"]) else None

        found = wait(patience, brokers, f"fewer than {wanted['brokers']} brokers")
        actions = []
        for part in (settings(admin, wanted, found), topics(admin, wanted), rules(admin, wanted), users(admin, wanted)):
            for action, act in part:
                if not check:
                    act()
                actions.append(action)
    print(json.dumps({"actions": actions}))


try:
    main()
except KafkaError as error:
    raise SystemExit(f"{type(error).__name__}: {error}") from error
