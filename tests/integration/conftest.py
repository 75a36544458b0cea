"""Sites made for one test, and playbooks run on them as an operator would."""

from __future__ import annotations

import http.server
import json
import os
import shutil
import subprocess

import pytest
import yaml

from tests import https, whole_mirror

CONTROLLER = {"ansible_connection": "local", "ansible_python_interpreter": "{{ ansible_playbook_python }}"}


@pytest.fixture
def site(project, tmp_path):
    """Make a site with a whole mirror: ``site(control_plane={host: vars}, workers={…}, **variables)`` gives the inventory's path."""

    def make(control_plane, workers=None, **variables):
        inventory = tmp_path / "site"
        (inventory / "group_vars/site").mkdir(parents=True)
        (inventory / "group_vars/all").symlink_to(project / "group_vars/all")
        variables = {**whole_mirror.SITE, "artifacts_lock_file": str(whole_mirror.lock_file(inventory / "lock.json")), **variables}
        (inventory / "group_vars/site/site.yml").write_text(yaml.safe_dump(variables))
        nodes = {"control_plane": {"hosts": control_plane}, "workers": {"hosts": workers or {}}}
        groups = {"controller": {"hosts": {"localhost": CONTROLLER}}, "nodes": {"children": nodes}}
        (inventory / "hosts.yml").write_text(yaml.safe_dump({"site": {"children": groups}}))
        return inventory

    return make


@pytest.fixture
def play(project, tmp_path):
    """Run a playbook: ``play(inventory, playbook)`` gives the finished process, output in one line-broken text.

    ``playbook`` is a path below the project, or the plays themselves; options of the command may follow.
    """

    def run(inventory, playbook, *options, **environment):
        if not isinstance(playbook, str):
            path = tmp_path / "playbook.yml"
            path.write_text(yaml.safe_dump(playbook))
            playbook = str(path)
        settings = {
            "ANSIBLE_CONFIG": str(project / "ansible.cfg"),
            "VOICEHELPER_VAULT_PASSWORD_FILE": str(tmp_path / "vault-password"),
            "COLUMNS": "200",
        }
        return subprocess.run(
            [shutil.which("ansible-playbook"), "-i", str(inventory), playbook, *options],
            cwd=project,
            env={**os.environ, **settings, **environment},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return run


NAMESPACED = [("configmaps", "ConfigMap"), ("secrets", "Secret"), ("leases", "Lease")]
KINDS = [*NAMESPACED, ("nodes", "Node"), ("persistentvolumes", "PersistentVolume")]


class Api(http.server.BaseHTTPRequestHandler):
    """An API server that keeps what it is given, in `objects` by path, and does no more than that."""

    objects: dict

    def _answer(self, status, body):
        payload = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)

    def _keep(self, path, item):
        version = str(len(self.versions))
        self.versions.append(path)
        self.objects[path] = {**item, "metadata": {**item["metadata"], "resourceVersion": version}}
        self._answer(200, self.objects[path])

    def do_GET(self):
        path = self.path.partition("?")[0]
        if path == "/readyz":
            self._answer(200, "ok")
        elif path.rpartition("/")[2] in dict(KINDS):
            self._answer(200, {"items": [item for name, item in self.objects.items() if name.rpartition("/")[0] == path]})
        elif path.count("/") < 4:
            resources = [{"name": name, "kind": kind, "namespaced": (name, kind) in NAMESPACED} for name, kind in KINDS]
            self._answer(200, {"resources": resources})
        else:
            self._answer(200 if path in self.objects else 404, self.objects.get(path, {"message": f"{path} not found"}))

    def do_PATCH(self):
        self._keep(self.path.partition("?")[0], self._body())

    do_PUT = do_PATCH

    def do_POST(self):
        item = self._body()
        self._keep(f"{self.path}/{item['metadata']['name']}", item)

    def do_DELETE(self):
        self._body()
        self._answer(200, self.objects.pop(self.path.partition("?")[0], {}))

    def _body(self):
        return json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}")

    def log_message(self, *_):
        """Says nothing."""


@pytest.fixture
def api(tmp_path):
    """``api(path)`` writes the kubeconfig of an API server of this test's own; ``api.objects`` is what that has, by path."""
    handler = type("Own", (Api,), {"objects": {}, "versions": []})
    with https.serving(handler, tmp_path) as (port, trusted):

        def kubeconfig(path):
            cluster = {"server": f"https://127.0.0.1:{port}", "certificate-authority-data": trusted}
            named = {
                "clusters": ("cluster", cluster),
                "users": ("user", {"token": "t"}),
                "contexts": ("context", {"cluster": "x", "user": "x"}),
            }
            lists = {kind: [{"name": "x", part: value}] for kind, (part, value) in named.items()}
            path.write_text(yaml.safe_dump({"current-context": "x", **lists}))

        kubeconfig.objects = handler.objects
        yield kubeconfig
