"""Keep Redis as declared: its users on every member, all members in the cluster, and slots on every primary.

Runs in the toolbox; see the module toolbox_program. Users are changed in the running members; their files have the same for the next start.
With patience 0 only members that answer are seen to, and the rest is left for later. Nobody is dropped.
"""

import hashlib
import json
import os
import subprocess
import sys
import time

PAUSE = 2
ADMIN = "admin"


class Failure(Exception):
    """The cluster is not what it should be, and will not become so by itself."""


def hashes(user):
    """What Redis keeps of the user's passwords: the current one, and the previous one while it is being replaced."""
    return {hashlib.sha256(user[key].encode()).hexdigest() for key in ("password", "previous") if user.get(key)}


def rules(user):
    """Commands, keys and channels as they are declared."""
    return {part: user.get(part) or "" for part in ("commands", "keys", "channels")}


def connect(wanted, host):
    """An administrator's connection. While the password is being replaced, a member may still know only the previous one."""
    import redis  # only the toolbox has it
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    admin = next(user for user in wanted["users"] if user["name"] == ADMIN)
    for password in dict.fromkeys([admin["password"], admin["previous"]]):
        options = {"username": ADMIN, "password": password, "ssl": True, "decode_responses": True}
        client = redis.Redis(
            host=host, port=wanted["port"], socket_timeout=10, socket_connect_timeout=3, retry=Retry(NoBackoff(), 0), **options
        )
        try:
            client.ping()
            return client
        except redis.AuthenticationError:
            refused = f"{host}: refuses the administrator's password"
        except redis.RedisError as error:
            if isinstance(error, (redis.ConnectionError, redis.TimeoutError)):
                return None
            raise Failure(f"{host}: {error}") from error
    raise Failure(refused)


def user_changes(client, user):
    """(what to do, its arguments) for a user that is not as declared."""
    listed = client.execute_command("ACL", "GETUSER", user["name"])
    found = dict(zip(listed[::2], listed[1::2], strict=True)) if isinstance(listed, list) else listed
    changes = []
    if not found:
        changes.append("CREATE USER")
    elif set(found["passwords"]) != hashes(user):
        changes.append("SET PASSWORD OF USER")
    if found and any(found[part] != text for part, text in rules(user).items()):
        changes.append("SET RULES OF USER")
    arguments = ["reset", "on", *(f"#{value}" for value in sorted(hashes(user))), *" ".join(rules(user).values()).split()]
    return [(f"{change} {user['name']}", arguments) for change in changes]


def keep_users(client, wanted, host):
    """Users of one member, and the password with which it follows its primary."""
    actions = []
    for user in wanted["users"]:
        todo = user_changes(client, user)
        actions += [action for action, _ in todo]
        if todo and not wanted["check"]:
            client.execute_command("ACL", "SETUSER", user["name"], *todo[0][1])
            if left := [action for action, _ in user_changes(client, user)]:
                raise Failure(f"{host}: {left[0]} has no effect; wanted its rules in the form in which ACL GETUSER shows them")
    if client.config_get("masterauth")["masterauth"] != wanted["replication"]:
        actions.append("SET PASSWORD OF REPLICATION")
        if not wanted["check"]:
            client.config_set("masterauth", wanted["replication"])
    return [f"{action} on {host.split('.')[0]}" for action in actions]


def state(client, wanted):
    """(why the member is not where it belongs, whether it is a primary without slots, whether slots are on their way)"""
    cluster = dict(line.split(":", 1) for line in client.execute_command("CLUSTER", "INFO").splitlines() if ":" in line)
    itself = next(line for line in client.execute_command("CLUSTER", "NODES").splitlines() if "myself" in line).split()
    link, replicas = client.info("replication"), wanted["replicas_each"]
    why = ""
    if int(cluster["cluster_known_nodes"]) != wanted["members"]:
        why = f"knows {cluster['cluster_known_nodes']} of {wanted['members']} members"
    elif cluster["cluster_state"] != "ok" or int(cluster["cluster_slots_assigned"]) != 16384:
        why = f"cluster_state {cluster['cluster_state']}, {cluster['cluster_slots_assigned']} slots assigned"
    elif link["role"] == "slave" and (link["master_link_status"] != "up"):
        why = "has not caught up with its primary"
    elif link["role"] == "master" and sum(link[f"slave{n}"]["state"] == "online" for n in range(link["connected_slaves"])) != replicas:
        why = f"{link['connected_slaves']} replicas, wanted {replicas} that have caught up"
    slots = itself[8:]
    return why, link["role"] == "master" and not slots, any(slot.startswith("[") for slot in slots)


def redis_cli(wanted, password, *command):
    """Let redis-cli work on the whole cluster."""
    address = f"{wanted['hosts'] % 0}:{wanted['port']}"
    line = [
        "redis-cli",
        "--tls",
        "--cacert",
        os.environ["SSL_CERT_FILE"],
        "--user",
        ADMIN,
        "--cluster",
        command[0],
        address,
        *command[1:],
        "--cluster-yes",
    ]
    done = subprocess.run(line, env={**os.environ, "REDISCLI_AUTH": password}, text=True, capture_output=True, check=False)
    if done.returncode:
        raise Failure(f"redis-cli --cluster {command[0]}: {(done.stdout + done.stderr).strip()[-1000:]}")


def keep_slots(wanted, states):
    """Slots that were on their way when a run was interrupted arrive; new primaries get their share."""
    admin = next(user for user in wanted["users"] if user["name"] == ADMIN)
    actions = []
    if any(moving for _, _, moving in states.values()):
        actions.append("FINISH MOVES OF SLOTS")
        wanted["check"] or redis_cli(wanted, admin["password"], "fix")
    if empty := sorted(host.split(".")[0] for host, (_, is_empty, _) in states.items() if is_empty):
        actions.append(f"MOVE SLOTS TO {', '.join(empty)}")
        wanted["check"] or redis_cli(wanted, admin["password"], "rebalance", "--cluster-use-empty-masters")
    return actions


def converge(wanted):
    """What was done, or would be."""
    hosts = [wanted["hosts"] % number for number in range(wanted["members"])]
    deadline, users = time.monotonic() + wanted["patience"], {}
    while True:
        clients = {host: connect(wanted, host) for host in hosts}
        there = {host: client for host, client in clients.items() if client}
        users |= {host: keep_users(client, wanted, host) for host, client in there.items() if host not in users}
        done = [action for actions in users.values() for action in actions]
        if not wanted["patience"]:
            return done
        states = {host: state(client, wanted) for host, client in there.items()}
        if not there and wanted["check"]:
            return []  # Redis would come with this very run
        missing = [
            f"{host}: {states[host][0] if host in states else 'does not answer'}" for host in hosts if host not in there or states[host][0]
        ]
        if not missing or wanted["check"]:
            return done + keep_slots(wanted, states)
        if time.monotonic() > deadline:
            raise Failure("; ".join(missing))
        time.sleep(PAUSE)


def main():
    """See the module toolbox_program."""
    try:
        print(json.dumps({"actions": converge(json.load(sys.stdin))}))
    except Failure as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
