"""The toolbox pod: programs that run inside the cluster, where every system can be reached."""

from __future__ import annotations

import json
import re
import subprocess
import time

from bootstrap.errors import BootstrapError
from bootstrap.kube.api import KubeApi

NAME = "toolbox"
_ABSENT = ("unable to upgrade connection", "container not found", "error dialing backend", "not have a host assigned", "cannot exec", "EOF")
_PACKAGE = "programs"
_EXIT = re.compile(r"^command terminated with exit code \d+$", re.MULTILINE)  # kubectl's own word


class ProgramError(BootstrapError):
    """The program failed or gave no answer; the text is what it said."""


class Toolbox:
    """The Deployment `toolbox` of a namespace, reached by kubectl exec.

    :param patience: seconds in which a pod that is just being replaced may come back.
    """

    def __init__(self, kubeconfig, kubectl, namespace, patience=60):
        self._api, self._namespace, self._patience = KubeApi(kubeconfig), namespace, patience
        self._kubectl = [kubectl, "--kubeconfig", kubeconfig, "--namespace", namespace]

    def exists(self, image):
        """Whether a pod of it is ready, with the programs of this image."""
        reference = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": NAME, "namespace": self._namespace}}
        found = self._api.get(reference)
        if not (found and found.get("status", {}).get("readyReplicas")):
            return False
        return found["spec"]["template"]["spec"]["containers"][0]["image"] == image

    def run(self, program, wanted, timeout):
        """Run a program that keeps what is declared; the actions that it names. Raises ProgramError as `ask` does."""
        answer = self.ask(program, wanted, timeout)
        try:
            return [str(action) for action in answer["actions"]]
        except (KeyError, TypeError) as error:
            raise ProgramError(f'found {answer} as its last line; wanted {{"actions": [...]}}') from error

    def ask(self, program, wanted, timeout):
        """Run a module of the image's package with `wanted` as its input; the document in the last line of its output.

        :raises ProgramError: it failed, did not end in `timeout` seconds, or its last line is no answer.
        """
        command = [*self._kubectl, "exec", "--stdin", f"deployment/{NAME}", "--", "timeout", str(timeout)]
        command += ["python3", "-m", f"{_PACKAGE}.{program}"]
        deadline = time.monotonic() + self._patience
        while True:
            try:
                done = subprocess.run(command, input=json.dumps(wanted), text=True, capture_output=True, timeout=timeout + 30, check=False)
            except subprocess.TimeoutExpired:
                raise ProgramError(f"it did not end in {timeout} s") from None  # the cause quotes the program
            if done.returncode == 0:
                return _answer(done.stdout)
            if time.monotonic() > deadline or not any(word in done.stderr for word in _ABSENT):
                said = _EXIT.sub("", done.stderr).strip() or done.stdout.strip()
                raise ProgramError(said[-4000:] or f"exit code {done.returncode}")
            time.sleep(1)


def _answer(output):
    """The document in the last line."""
    lines = output.strip().splitlines()
    try:
        return json.loads(lines[-1])
    except (IndexError, ValueError) as error:
        raise ProgramError(f"found {lines[-1:]} as its last line; wanted a JSON document") from error
