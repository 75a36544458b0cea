#!/usr/bin/python
"""Declared users and databases of a PostgreSQL that runs in pods."""

from __future__ import annotations

import json
import subprocess
import time

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.kube_api import ApiError, KubeApi
from ansible.module_utils.scram import matches, verifier

DOCUMENTATION = r"""
module: postgresql_objects
short_description: Users and databases of a PostgreSQL in pods
description:
  - Makes users and databases that are missing and keeps them as declared, through the local socket of the leader's pod. Drops nothing.
  - A password travels as its SCRAM verifier only. Whether the server has the right one is computed from the verifier that it holds.
options:
  kubeconfig: {description: The cluster., type: path, required: true}
  kubectl: {description: The kubectl to use., type: path, default: kubectl}
  namespace: {description: Namespace of the pods., type: str, required: true}
  selector: {description: Labels that only the leader's pod has., type: dict, required: true}
  container: {description: Container with psql., type: str, required: true}
  wait: {description: Seconds to wait for a leader; without one in time nothing is done and O(present) is false., type: int, default: 0}
  users:
    description: Wanted users; what is not stated is left as it is.
    type: list
    elements: dict
    default: []
    suboptions:
      name: {description: Name of the role., type: str, required: true}
      password: {description: Its password., type: str, required: true}
      member_of: {description: Roles that it is a member of., type: list, elements: str, default: []}
      connection_limit: {description: Its most connections, -1 for no limit., type: int}
      create: {description: Make the user when it is missing; otherwise only its password is kept., type: bool, default: true}
  databases:
    description: Wanted databases. PUBLIC may not connect to them, only their owner and whom it grants it.
    type: list
    elements: dict
    default: []
    suboptions:
      name: {description: Name of the database., type: str, required: true}
      owner: {description: Its owner., type: str, required: true}
author: VoiceHelper
"""

EXAMPLES = r"""
- postgresql_objects:
    kubeconfig: credentials/kubeconfig
    namespace: voicehelper-storage
    selector: {app.kubernetes.io/name: postgres, app.kubernetes.io/component: master}
    container: postgres
    users: [{name: voicehelper, password: "{{ secret }}"}]
    databases: [{name: voicehelper, owner: voicehelper}]
"""

RETURN = r"""
present: {description: Whether there is a leader., type: bool, returned: always}
actions:
  description: What was done, or would be in check mode, such as C(CREATE ROLE voicehelper).
  type: list
  elements: str
  returned: always
"""

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


class Server:
    """psql in the leader's pod."""

    def __init__(self, parameters):
        self.parameters = parameters
        self.api = KubeApi(parameters["kubeconfig"])

    def leader(self):
        """Name of the leader's pod, or None after `wait` seconds without one."""
        reference = {"apiVersion": "v1", "kind": "Pod", "metadata": {"namespace": self.parameters["namespace"]}}
        labels = ",".join(f"{key}={value}" for key, value in self.parameters["selector"].items())
        deadline = time.monotonic() + self.parameters["wait"]
        while True:
            pods = self.api.request("GET", self.api.path(reference, collection=True), {"labelSelector": labels})["items"]
            ready = [pod["metadata"]["name"] for pod in pods if _ready(pod)]
            if ready or time.monotonic() > deadline:
                return ready[0] if ready else None
            time.sleep(1)

    def psql(self, pod, sql):
        """Run SQL statements in `pod`, each in a transaction of its own, and return the output.

        :raises RuntimeError: with what psql said.
        """
        found = self.parameters
        command = [found["kubectl"], "--kubeconfig", found["kubeconfig"], "--namespace", found["namespace"], "exec", "--stdin", pod]
        command += ["--container", found["container"], "--", "psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-U", "postgres", "-d", "postgres"]
        done = subprocess.run(command, input=";\n".join(sql), text=True, capture_output=True, timeout=_EXEC_SECONDS, check=False)
        if done.returncode:
            raise RuntimeError(done.stderr.strip() or f"psql ended with {done.returncode}")
        return done.stdout


def _ready(pod):
    return any(c["type"] == "Ready" and c["status"] == "True" for c in (pod.get("status") or {}).get("conditions", []))


def run(module):
    """Compare and, outside check mode, apply."""
    parameters = module.params
    server = Server(parameters)
    pod = server.leader()
    if not pod:
        return {"changed": False, "present": False, "actions": []}
    state = json.loads(server.psql(pod, [_STATE]))
    todo = statements(parameters["users"], parameters["databases"], state)
    if todo and not module.check_mode:
        server.psql(pod, [sql for _, sql in todo])
    return {"changed": bool(todo), "present": True, "actions": [action for action, _ in todo]}


def main():
    """Module entry."""
    user = {
        "name": {"type": "str", "required": True},
        "password": {"type": "str", "required": True, "no_log": True},
        "member_of": {"type": "list", "elements": "str", "default": []},
        "connection_limit": {"type": "int"},
        "create": {"type": "bool", "default": True},
    }
    database = {"name": {"type": "str", "required": True}, "owner": {"type": "str", "required": True}}
    module = AnsibleModule(
        argument_spec={
            "kubeconfig": {"type": "path", "required": True},
            "kubectl": {"type": "path", "default": "kubectl"},
            "namespace": {"type": "str", "required": True},
            "selector": {"type": "dict", "required": True},
            "container": {"type": "str", "required": True},
            "wait": {"type": "int", "default": 0},
            "users": {"type": "list", "elements": "dict", "default": [], "options": user},
            "databases": {"type": "list", "elements": "dict", "default": [], "options": database},
        },
        supports_check_mode=True,
    )
    try:
        module.exit_json(**run(module))
    except (ApiError, RuntimeError, subprocess.TimeoutExpired) as error:
        module.fail_json(msg=f"postgresql_objects in {module.params['namespace']}: {error}")


if __name__ == "__main__":
    main()
