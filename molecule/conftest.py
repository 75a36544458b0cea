"""What tests of roles share: kubectl of the site under test, a further run of the scenario, a run that loses its restarts; an API server of
their own, for those that need no machine.
"""

import json
import os
import re
import subprocess
from pathlib import Path
from urllib.request import urlopen

import pytest
import yaml
from members import NAMESPACE

from bootstrap.kube.api import KubeApi
from tests import api_server

PROJECT = Path(__file__).parents[1]
CREDENTIALS = PROJECT / "inventories" / os.environ.get("VOICEHELPER_SITE", "lab") / "credentials"


@pytest.fixture(scope="module")
def kubectl(host):
    """Runs kubectl; returns its output."""

    def run(arguments):
        return host.check_output(f"{CREDENTIALS}/bin/kubectl --kubeconfig {CREDENTIALS}/kubeconfig {arguments}")

    return run


@pytest.fixture(scope="module")
def objects(kubectl):
    """Reads objects: `objects("pods --namespace x")` gives a list, by name one object."""

    def read(arguments):
        found = json.loads(kubectl(f"get {arguments} --output json"))
        return found["items"] if found["kind"] == "List" else found

    return read


@pytest.fixture(scope="module")
def pods(request, objects):
    """The members of the system that a module's tests are of: the pods of its SELECTOR, in its NAMESPACE where it names one."""
    return objects(f"pods --namespace {getattr(request.module, 'NAMESPACE', NAMESPACE)} --selector {request.module.SELECTOR}")


@pytest.fixture(scope="module")
def fetch():
    """What a port of a pod answers, through its kubelet, which no policy hinders: `fetch(pod, 7777, "metrics")`, pod as an object."""

    def read(pod, port, path):
        meta = pod["metadata"]
        command = [CREDENTIALS / "bin/kubectl", "--kubeconfig", CREDENTIALS / "kubeconfig", "--namespace", meta["namespace"]]
        command += ["port-forward", "--address=127.0.0.1", f"pod/{meta['name']}", f":{port}"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as forwarder:
            try:
                local = forwarder.stdout.readline().split(" -> ")[0].rpartition(":")[2]
                with urlopen(f"http://127.0.0.1:{local}/{path}", timeout=20) as answer:
                    return answer.read().decode()
            finally:
                forwarder.terminate()

    return read


@pytest.fixture
def converge(request):
    """Runs the converge.yml beside the test: `converge(name=value)` gives how many tasks changed (None: failed), and the output."""
    ephemeral = Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"])
    playbook = request.path.parents[1] / "converge.yml"  # not that of a machine which scenarios share

    def run(**variables):
        extra = {"molecule_ephemeral_directory": str(ephemeral), **variables}  # as Molecule tells it: the machine's key lies there
        command = ["ansible-playbook", f"--inventory={ephemeral / 'inventory'}", f"--extra-vars={json.dumps(extra)}", playbook]
        environment = os.environ | {"ANSIBLE_CONFIG": str(PROJECT / "ansible.cfg")}
        done = subprocess.run(command, cwd=PROJECT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        changed = sum(int(number) for number in re.findall(r"changed=(\d+)", done.stdout))
        return (None if done.returncode else changed), done.stdout

    return run


@pytest.fixture
def lost_restart(host, converge):
    """A run that writes its files and dies at the first restart: `lost_restart(name=value)`."""
    program = "/usr/local/sbin/systemctl"  # before the real one for whoever comes by sudo
    script = '#!/bin/sh\n[ "$1" != restart ] || exit 1\nexec /usr/bin/systemctl "$@"\n'

    def run(**variables):
        host.check_output(f"printf '%s' '{script}' > {program} && chmod 755 {program}")
        try:
            changed, output = converge(**variables)
        finally:
            host.check_output(f"rm {program}")
        assert changed is None and "The next run tries it again" in output

    return run


@pytest.fixture(scope="module")
def kubeconfig(tmp_path_factory):
    """Of an API server that a module's tests have for themselves."""
    folder = tmp_path_factory.mktemp("api")
    try:
        yield api_server.up(folder)
    finally:
        api_server.down(folder)


@pytest.fixture(scope="module")
def api(kubeconfig):
    """The client of the cluster whose kubeconfig it is."""
    return KubeApi(kubeconfig)


@pytest.fixture
def task_result(tmp_path):
    """Run a task on this machine: `task_result({module: arguments}, *options, **variables)` gives its result."""

    def run(task, *options, **variables):
        playbook = tmp_path / "play.yml"
        playbook.write_text(yaml.safe_dump([{"hosts": "localhost", "gather_facts": False, "vars": variables, "tasks": [task]}]))
        environment = {**os.environ, "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json", "ANSIBLE_CALLBACKS_ENABLED": "ansible.posix.json"}
        command = ["ansible-playbook", "-i", "localhost,", "-c", "local", str(playbook), *options]
        answer = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, check=False)
        assert answer.stdout, answer.stderr
        return json.loads(answer.stdout[answer.stdout.index("{") :])["plays"][0]["tasks"][0]["hosts"]["localhost"]

    return run
