"""Action of the module cluster_status: one screen, read from the controller."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

from ansible.utils.color import ANSIBLE_COLOR

from bootstrap.ansible import KubernetesAction
from bootstrap.kube.api import ApiError
from bootstrap.nodes import status
from bootstrap.nodes.cluster import Reader

READING = 8  # requests at once


class ActionModule(KubernetesAction):
    """Shows the screen and writes it as JSON; fails while anything needs doing now."""

    def execute(self, arguments, task_vars):
        api = self.cluster(arguments, patience=5)
        reader = Reader(api, arguments)
        with ThreadPoolExecutor(READING) as pool:
            cluster, jobs = pool.submit(reader.read), pool.submit(api.request, "GET", "/apis/batch/v1/cronjobs")
            rooms = pool.submit(self._rooms, api)
            found = status.Status(
                cluster=cluster.result(),
                backups=status.backups(jobs.result()["items"], _document(arguments["restored"]), datetime.now(UTC)),
                rooms=rooms.result(),
                certificates=arguments["certificates"],
                version=arguments["version"],
                inventory=arguments["nodes"],
                domain=arguments["domain"],
            )
        document = found.document()
        path = Path(arguments["path"])
        path.write_text(json.dumps(document, indent=1) + "\n")
        screen = status.text(found, colour=ANSIBLE_COLOR) if arguments["output"] == "text" else json.dumps(document, indent=1)
        self._display.display(f"\n{screen}")
        now = sum(task["now"] for task in document["tasks"])
        return {"failed": not document["ok"], "msg": f"{now or 'nothing'} to do now; all of it: {path}"}

    @staticmethod
    def _rooms(api):
        """What is left on each node whose kubelet answers."""
        pods = api.request("GET", "/api/v1/pods", {"fieldSelector": "status.phase!=Succeeded,status.phase!=Failed"})["items"]

        def one(node):
            name = node["metadata"]["name"]
            try:
                summary = api.request("GET", f"/api/v1/nodes/{name}/proxy/stats/summary")
            except ApiError:
                return None
            return status.room(node, summary, [pod for pod in pods if pod["spec"].get("nodeName") == name])

        with ThreadPoolExecutor(READING) as pool:
            return [room for room in pool.map(one, api.request("GET", "/api/v1/nodes")["items"]) if room]


def _document(path):
    """A report of ours; nothing where there is none."""
    return json.loads(Path(path).read_text()) if Path(path).exists() else {}
