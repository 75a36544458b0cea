"""A PostgreSQL that runs in pods: its users and databases, and the statements that make them as declared."""

from __future__ import annotations

import json
import subprocess
import time

from ansible.module_utils.kube_api import KubeApi
from ansible.module_utils.scram import matches, verifier

_STATE = """
SELECT json_build_object(
  'roles', (SELECT json_object_agg(rolname, json_build_object(
      'verifier', rolpassword, 'login', rolcanlogin, 'limit', rolconnlimit, 'member_of',
      (SELECT coalesce(json_agg(g.rolname), '[]') FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid WHERE m.member = a.oid)))
    FROM pg_authid a),
  'databases', (SELECT json_object_agg(datname, json_build_object('owner', pg_get_userbyid(datdba), 'public',
      EXISTS (SELECT FROM aclexplode(coalesce(datacl, acldefault('d', datdba))) WHERE grantee = 0)))
    FROM pg_database))
"""
_EXEC_SECONDS = 60


def identifier(name):
    """A name quoted for SQL."""
    return '"' + name.replace('"', '""') + '"'


def user_statements(user, found):
    """(what is done, SQL) pairs that make one role as declared; `found` is the server's state of it or None."""
    name, statements = identifier(user["name"]), []
    if found is None:
        if not user["create"]:
            return []
        statements.append((f"CREATE ROLE {user['name']}", f"CREATE ROLE {name} LOGIN PASSWORD '{verifier(user['password'])}'"))
        found = {"login": True, "limit": -1, "member_of": []}
    elif not matches(user["password"], found["verifier"]):
        statements.append((f"ALTER ROLE {user['name']} PASSWORD", f"ALTER ROLE {name} PASSWORD '{verifier(user['password'])}'"))
    if not found["login"]:
        statements.append((f"ALTER ROLE {user['name']} LOGIN", f"ALTER ROLE {name} LOGIN"))
    if (limit := user["connection_limit"]) is not None and limit != found["limit"]:
        statements.append((f"ALTER ROLE {user['name']} CONNECTION LIMIT {limit}", f"ALTER ROLE {name} CONNECTION LIMIT {limit}"))
    for group in user["member_of"]:
        if group not in found["member_of"]:
            statements.append((f"GRANT {group} TO {user['name']}", f"GRANT {identifier(group)} TO {name}"))
    return statements


def database_statements(database, found):
    """The same for one database."""
    name, owner, statements = identifier(database["name"]), identifier(database["owner"]), []
    if found is None:
        statements.append((f"CREATE DATABASE {database['name']}", f"CREATE DATABASE {name} OWNER {owner}"))
        found = {"owner": database["owner"], "public": True}
    if found["owner"] != database["owner"]:
        words = f"DATABASE {database['name']} OWNER TO {database['owner']}"
        statements.append((f"ALTER {words}", f"ALTER DATABASE {name} OWNER TO {owner}"))
    if found["public"]:
        statements.append((f"REVOKE ALL ON DATABASE {database['name']} FROM PUBLIC", f"REVOKE ALL ON DATABASE {name} FROM PUBLIC"))
    return statements


def statements(users, databases, state):
    """Everything to do, in order."""
    wanted = [pair for user in users for pair in user_statements(user, state["roles"].get(user["name"]))]
    return wanted + [pair for item in databases for pair in database_statements(item, state["databases"].get(item["name"]))]


class ServerError(Exception):
    """psql refused; the text is what it said."""


class Server:
    """The leader among the pods, reached through its local socket.

    :param selector: labels that only the leader's pod has.
    """

    def __init__(self, kubeconfig, kubectl, namespace, selector, container):
        self._kubectl = [kubectl, "--kubeconfig", kubeconfig, "--namespace", namespace]
        self._api = KubeApi(kubeconfig)
        self._namespace, self._selector, self._container = namespace, selector, container
        self._pod = None

    def find_leader(self, seconds):
        """Look for the leader's pod for at most `seconds`; its name, or None."""
        reference = {"apiVersion": "v1", "kind": "Pod", "metadata": {"namespace": self._namespace}}
        query = {"labelSelector": ",".join(f"{key}={value}" for key, value in self._selector.items())}
        deadline = time.monotonic() + seconds
        while True:
            pods = self._api.request("GET", self._api.path(reference, collection=True), query)["items"]
            self._pod = next((pod["metadata"]["name"] for pod in pods if _ready(pod)), None)
            if self._pod or time.monotonic() > deadline:
                return self._pod
            time.sleep(1)

    def state(self):
        """Users and databases that the server has."""
        return json.loads(self.psql([_STATE]))

    def psql(self, sql):
        """Run SQL statements, each in a transaction of its own; the output.

        :raises ServerError: with what psql said.
        """
        command = [*self._kubectl, "exec", "--stdin", self._pod, "--container", self._container, "--"]
        command += ["psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-U", "postgres", "-d", "postgres"]
        done = subprocess.run(command, input=";\n".join(sql), text=True, capture_output=True, timeout=_EXEC_SECONDS, check=False)
        if done.returncode:
            raise ServerError(done.stderr.strip() or f"psql ended with {done.returncode}")
        return done.stdout


def _ready(pod):
    return any(c["type"] == "Ready" and c["status"] == "True" for c in (pod.get("status") or {}).get("conditions", []))
