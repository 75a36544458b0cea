#!/usr/bin/python3
"""Approve the certificates that kubelets serve with.

Kubernetes signs them but leaves the approval to the cluster's owner, since only the owner knows which addresses are a
node's. A request is approved when a node asks for itself: its own name and the address that the site gave it (NODES, a
JSON object of names and addresses; what a node says of itself proves nothing). Anything else stays pending and is named
in the log. Several replicas may run at once, for an approval that is given twice is the same approval.
"""

import base64
import ipaddress
import json
import logging
import os
import signal
import sys
import time
from pathlib import Path

from cryptography import x509
from cryptography.x509.oid import ExtensionOID, NameOID
from kubernetes import client, config, watch

SIGNER = "kubernetes.io/kubelet-serving"
USAGES = {"digital signature", "key encipherment", "server auth"}
PREFIX = "system:node:"
ALIVE = Path("/tmp/alive")
log = logging.getLogger("kubelet-csr-approver")


def objection(spec, nodes):
    """Why a request may not be approved, or None.

    :param spec: V1CertificateSigningRequestSpec; :param nodes: address of each node of the site, by its name.
    :raises Exception: the request is none that can be read.
    """
    name = spec.username.removeprefix(PREFIX)
    if not spec.username.startswith(PREFIX) or name not in nodes:
        return f"{spec.username} is no node of this site"
    if "system:nodes" not in (spec.groups or []):
        return "the requestor is not in system:nodes"
    if not set(spec.usages) <= USAGES:
        return f"usages {sorted(set(spec.usages) - USAGES)} are not a server's"
    csr = x509.load_pem_x509_csr(base64.b64decode(spec.request))
    subjects = [part.value for part in csr.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    if subjects != [spec.username] or not csr.is_signature_valid:
        return f"the subject is {subjects}, not {spec.username}"
    try:
        wanted = csr.extensions.get_extension_for_oid(ExtensionOID.SUBJECT_ALTERNATIVE_NAME).value
    except x509.ExtensionNotFound:
        return "it names no address"
    own = {x509.DNSName(name), x509.IPAddress(ipaddress.ip_address(nodes[name]))}
    if strange := sorted(str(entry.value) for entry in wanted if entry not in own):
        return f"{strange} are not the node's: the site knows it as {name}, {nodes[name]}"
    return None if list(wanted) else "it names no address"


def is_pending(request):
    return request.spec.signer_name == SIGNER and not (request.status.conditions or request.status.certificate)


def judge(certificates, request, nodes):
    """Approve a pending request, or say why not. One that cannot be judged keeps no other waiting."""
    name, who = request.metadata.name, request.spec.username
    try:
        reason = objection(request.spec, nodes)
    except Exception as error:  # whatever a parser makes of what a stranger wrote
        reason = f"it cannot be read: {type(error).__name__}: {error}"
    if reason:
        log.warning("%s of %s stays pending: %s", name, who, reason)
        return
    condition = client.V1CertificateSigningRequestCondition(
        type="Approved", status="True", reason="NodeAsksForItself", message="Name and address are the node's own."
    )
    request.status.conditions = [condition]
    try:
        certificates.replace_certificate_signing_request_approval(name, request)
    except client.ApiException as error:
        if error.status not in (404, 409):  # it is gone, or the other replica was faster
            raise
    else:
        log.info("%s of %s approved", name, who)


def main():
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # as process 1 it would not end by itself
    config.load_incluster_config()
    certificates, nodes = client.CertificatesV1Api(), json.loads(os.environ["NODES"])
    while True:
        try:
            # A watch that ends after a minute starts again with all that is pending, so nothing is forgotten.
            stream = watch.Watch().stream(certificates.list_certificate_signing_request, timeout_seconds=60)
            ALIVE.touch()
            for event in stream:
                ALIVE.touch()
                if event["type"] in ("ADDED", "MODIFIED") and is_pending(event["object"]):
                    judge(certificates, event["object"], nodes)
        except Exception as error:  # the API server restarts, moves or is not there yet
            log.warning("%s: %s", type(error).__name__, error)
            time.sleep(2)


if __name__ == "__main__":
    main()
