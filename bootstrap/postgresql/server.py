"""A PostgreSQL that runs in pods: its users and databases, and the statements that make them as declared."""

from __future__ import annotations

import json
import subprocess
import time

from bootstrap.errors import BootstrapError
from bootstrap.kube.api import KubeApi
from bootstrap.secrets.scram import matches, verifier

_STATE = """
SELECT json_build_object(
  'roles', (SELECT json_object_agg(rolname, json_build_object(
      'verifier', rolpassword, 'login', rolcanlogin, 'limit', rolconnlimit, 'sees_all_rows', rolbypassrls,
      'member_of', (SELECT coalesce(json_agg(pg_get_userbyid(roleid)), '[]') FROM pg_auth_members WHERE member = a.oid),
      'executes', (SELECT coalesce(json_agg(p.oid::regprocedure::text), '[]') FROM pg_proc p, aclexplode(p.proacl) WHERE grantee = a.oid)))
    FROM pg_authid a),
  'databases', (SELECT json_object_agg(datname, json_build_object('owner', pg_get_userbyid(datdba),
      'public', EXISTS (SELECT FROM aclexplode(coalesce(datacl, acldefault('d', datdba))) WHERE grantee = 0),
      'connect', (SELECT coalesce(json_agg(pg_get_userbyid(grantee)), '[]') FROM aclexplode(datacl) WHERE privilege_type = 'CONNECT')))
    FROM pg_database))
"""
_EXEC_SECONDS = 60


def identifier(name):
    """A name quoted for SQL."""
    return '"' + name.replace('"', '""') + '"'


def user_statements(user, found):
    """(what is done, SQL) pairs that make one role as declared; `found` is the server's state of it or None.

    One that an operator forbade to log in stays so.
    """
    name, statements = identifier(user["name"]), []
    if found is None:
        if not user["create"]:
            return []
        password = f" PASSWORD '{verifier(user['password'])}'" if user["password"] else ""
        statements.append((f"CREATE ROLE {user['name']}", f"CREATE ROLE {name} LOGIN{password}"))
        found = {"login": True, "limit": -1, "sees_all_rows": False, "member_of": [], "executes": []}
    elif user["password"] and not matches(user["password"], found["verifier"]):
        statements.append((f"ALTER ROLE {user['name']} PASSWORD", f"ALTER ROLE {name} PASSWORD '{verifier(user['password'])}'"))
    if (limit := user["connection_limit"]) is not None and limit != found["limit"]:
        statements.append((f"ALTER ROLE {user['name']} CONNECTION LIMIT {limit}", f"ALTER ROLE {name} CONNECTION LIMIT {limit}"))
    for group in user["member_of"]:
        if group not in found["member_of"]:
            statements.append((f"GRANT {group} TO {user['name']}", f"GRANT {identifier(group)} TO {name}"))
    if user["sees_all_rows"] and not found["sees_all_rows"]:
        statements.append((f"ALTER ROLE {user['name']} BYPASSRLS", f"ALTER ROLE {name} BYPASSRLS"))
    for function in user["executes"]:
        if function not in found["executes"]:
            statements.append((f"GRANT {function} TO {user['name']}", f"GRANT EXECUTE ON FUNCTION pg_catalog.{function} TO {name}"))
    return statements + (_revocations(user, found) if user["create"] else [])


def _revocations(user, found):
    """Takes away what a role has beyond its declaration; whoever else makes a role also says what it may do."""
    name, shown = identifier(user["name"]), user["name"]
    groups = [group for group in found["member_of"] if group not in user["member_of"]]
    functions = [function for function in found["executes"] if function not in user["executes"]]
    rows = [(f"ALTER ROLE {shown} NOBYPASSRLS", f"ALTER ROLE {name} NOBYPASSRLS")] if found["sees_all_rows"] > user["sees_all_rows"] else []
    return [
        *[(f"REVOKE {group} FROM {shown}", f"REVOKE {identifier(group)} FROM {name}") for group in groups],
        *[(f"REVOKE {function} FROM {shown}", f"REVOKE EXECUTE ON FUNCTION {function} FROM {name}") for function in functions],
        *rows,
    ]


def database_statements(database, found):
    """The same for one database."""
    name, owner, statements = identifier(database["name"]), identifier(database["owner"]), []
    if found is None:
        statements.append((f"CREATE DATABASE {database['name']}", f"CREATE DATABASE {name} OWNER {owner}"))
        found = {"owner": database["owner"], "public": True, "connect": []}
    if found["owner"] != database["owner"]:
        words = f"DATABASE {database['name']} OWNER TO {database['owner']}"
        statements.append((f"ALTER {words}", f"ALTER DATABASE {name} OWNER TO {owner}"))
    if found["public"]:
        statements.append((f"REVOKE ALL ON DATABASE {database['name']} FROM PUBLIC", f"REVOKE ALL ON DATABASE {name} FROM PUBLIC"))
    for user in database["connect"]:
        if user not in found["connect"]:
            statements.append((f"GRANT CONNECT ON {database['name']} TO {user}", f"GRANT CONNECT ON DATABASE {name} TO {identifier(user)}"))
    return statements


def statements(users, databases, state):
    """Everything to do, in order."""
    wanted = [pair for user in users for pair in user_statements(user, state["roles"].get(user["name"]))]
    return wanted + [pair for item in databases for pair in database_statements(item, state["databases"].get(item["name"]))]


class ServerError(BootstrapError):
    """psql refused, or did not end; the text is what it said."""


class Server:
    """The members' pods; SQL goes to the leader, through its local socket.

    :param selector: labels of the members' pods.
    :param leader: labels that the leader's pod has beside those.
    """

    def __init__(self, kubeconfig, kubectl, namespace, selector, leader, container):
        self._kubectl = [kubectl, "--kubeconfig", kubeconfig, "--namespace", namespace]
        self._api = KubeApi(kubeconfig)
        self._namespace, self._selector, self._leader, self._container = namespace, selector, leader, container
        self._pod = None

    def find_leader(self, seconds):
        """Look for the leader's pod for at most `seconds`; its name, or None."""
        deadline = time.monotonic() + seconds
        while True:
            leading = [pod["metadata"] for pod in self._members() if _ready(pod) and self._leads(pod)]
            self._pod = leading[0]["name"] if leading else None
            if (self._pod and self._writes()) or time.monotonic() > deadline:
                return self._pod
            time.sleep(1)

    def _writes(self):
        """Whether the leader has taken over: it gets its label while it still does."""
        try:
            return self.psql(["SELECT pg_is_in_recovery()"]).strip() == "f"
        except ServerError:
            return False

    def state(self):
        """Users and databases that the server has."""
        return json.loads(self.psql([_STATE]))

    def waiting(self):
        """Members whose server must restart before a changed setting is in force, the leader first.

        Replicas may not start with less than the leader has, so a setting that became smaller takes hold in this order only.
        """
        flagged = [pod for pod in self._members() if _status(pod).get("pending_restart")]
        return [pod["metadata"]["name"] for pod in sorted(flagged, key=self._leads, reverse=True)]

    def restart(self, member):
        """Restart a member's server within its pod and wait until every replica follows the leader again.

        :raises ServerError: with what Patroni said, or because a replica stays away.
        """
        script = 'patronictl restart "$PATRONI_SCOPE" "$1" --force'
        said = self._run(["sh", "-c", script, "restart", member])
        if "Success" not in said:
            raise ServerError(said.strip())
        wanted, deadline = len(self._members()) - 1, time.monotonic() + _EXEC_SECONDS
        while int(self.psql(["SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'"])) < wanted:
            if time.monotonic() > deadline:
                raise ServerError(f"not all of {wanted} replicas follow the leader since {member} was restarted")
            time.sleep(1)

    def psql(self, sql):
        """Run SQL statements, each in a transaction of its own; the output.

        :raises ServerError: with what psql said.
        """
        return self._run(["psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-U", "postgres", "-d", "postgres"], ";\n".join(sql))

    def _run(self, words, text=""):
        command = [*self._kubectl, "exec", "--stdin", self._pod, "--container", self._container, "--", *words]
        try:
            done = subprocess.run(command, input=text, text=True, capture_output=True, timeout=_EXEC_SECONDS, check=False)
        except subprocess.TimeoutExpired:
            raise ServerError(f"{words[0]} did not end in {_EXEC_SECONDS} s") from None  # the cause quotes what it ran
        if done.returncode:
            raise ServerError(done.stderr.strip() or f"{words[0]} ended with {done.returncode}")
        return done.stdout

    def _members(self):
        return self._api.pods(self._namespace, self._selector)

    def _leads(self, pod):
        return self._leader.items() <= pod["metadata"]["labels"].items()


def _status(pod):
    """What Patroni says of a member."""
    return json.loads(pod["metadata"].get("annotations", {}).get("status", "{}"))


def _ready(pod):
    return any(c["type"] == "Ready" and c["status"] == "True" for c in (pod.get("status") or {}).get("conditions", []))
