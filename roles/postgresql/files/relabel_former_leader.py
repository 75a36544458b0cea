#!/usr/bin/python3
"""Takes the leader's label off every other pod, once this one leads.

A member labels only its own pod, so a leader whose node died keeps the label, and its service would go on sending it half of the writers
until the node is given up. Patroni calls this as <script> on_role_change <role> <scope>; a former leader that is back labels itself anew.
"""

import json
import os
import ssl
import sys
import time
import urllib.parse
import urllib.request
from pathlib import Path

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
ROLE_LABEL = "app.kubernetes.io/component"
ATTEMPTS = 10


def request(method, path, body=None):
    """Speak to the API server as this pod's account; the decoded answer."""
    server = f"https://{os.environ['KUBERNETES_SERVICE_HOST']}:{os.environ['KUBERNETES_SERVICE_PORT']}"
    call = urllib.request.Request(server + path, method=method)
    call.add_header("Authorization", f"Bearer {(ACCOUNT / 'token').read_text()}")
    call.add_header("Content-Type", "application/merge-patch+json")
    tls = ssl.create_default_context(cafile=ACCOUNT / "ca.crt")
    with urllib.request.urlopen(call, json.dumps(body).encode() if body else None, timeout=5, context=tls) as answer:
        return json.load(answer)


def relabel():
    """Take the label off the others."""
    pods = f"/api/v1/namespaces/{os.environ['POD_NAMESPACE']}/pods"
    labelled = f"app.kubernetes.io/name={os.environ['POD_APP']},{ROLE_LABEL}=master"
    for pod in request("GET", f"{pods}?{urllib.parse.urlencode({'labelSelector': labelled})}")["items"]:
        name = pod["metadata"]["name"]
        if name != os.environ["POD_NAME"]:
            request("PATCH", f"{pods}/{name}", {"metadata": {"labels": {ROLE_LABEL: None}}})
            print(f"took the leader's label off {name}", flush=True)


def main():
    """Try until it works: the API server may be moving at such a time too."""
    if sys.argv[2] not in ("primary", "master", "promoted"):
        return
    for attempt in range(ATTEMPTS):
        try:
            return relabel()
        except OSError as error:
            print(f"attempt {attempt + 1}: {error}", file=sys.stderr, flush=True)
            time.sleep(1)
    sys.exit("the label of the former leader could not be taken off")


main()
