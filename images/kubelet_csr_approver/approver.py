#!/usr/bin/python3
"""Approve the certificates that kubelets serve with.

Kubernetes signs them but leaves the approval to the cluster's owner, since only the owner knows which addresses are a
node's. A request is approved when a node asks for itself: its own name, its own addresses, and these inside the site's
node network (NODE_CIDR). Anything else stays pending and is named in the log. Several replicas may run at once, for an
approval that is given twice is the same approval.
"""

import base64
import ipaddress
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
ALIVE = Path("/tmp/alive")
log = logging.getLogger("kubelet-csr-approver")


def objection(request, node, network):
    """Why a request may not be approved, or None.

    :param request: V1CertificateSigningRequest; :param node: V1Node that asks, or None; :param network: ip_network of the nodes.
    """
    spec = request.spec
    if node is None:
        return f"{spec.username} is no node of this cluster"
    if "system:nodes" not in (spec.groups or []):
        return "the requestor is not in system:nodes"
    if not set(spec.usages) <= USAGES:
        return f"usages {sorted(set(spec.usages) - USAGES)} are not a server's"
    csr = x509.load_pem_x509_csr(base64.b64decode(spec.request))
    names = [part.value for part in csr.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    if names != [spec.username] or not csr.is_signature_valid:
        return f"the subject is {names}, not {spec.username}"
    try:
        sans = csr.extensions.get_extension_for_oid(ExtensionOID.SUBJECT_ALTERNATIVE_NAME).value
    except x509.ExtensionNotFound:
        return "it names no address"
    known = {address.address for address in node.status.addresses or []} | {node.metadata.name}
    wanted = sans.get_values_for_type(x509.DNSName) + [str(ip) for ip in sans.get_values_for_type(x509.IPAddress)]
    if len(wanted) != len(list(sans)) or not wanted:
        return "it names something that is neither a host name nor an address"
    if strange := set(wanted) - known:
        return f"{sorted(strange)} are not the node's"
    if outside := [ip for ip in sans.get_values_for_type(x509.IPAddress) if ip not in network]:
        return f"{[str(ip) for ip in outside]} lie outside {network}"
    return None


def node_of(api, username):
    """The V1Node of `system:node:<name>`, or None."""
    try:
        return api.read_node(username.removeprefix("system:node:"))
    except client.ApiException as error:
        if error.status == 404:
            return None
        raise


def is_pending(request):
    return request.spec.signer_name == SIGNER and not (request.status.conditions or request.status.certificate)


def judge(certificates, core, request, network):
    """Approve a pending request, or say why not."""
    reason = objection(request, node_of(core, request.spec.username), network)
    if reason:
        log.warning("%s of %s stays pending: %s", request.metadata.name, request.spec.username, reason)
        return
    condition = client.V1CertificateSigningRequestCondition(
        type="Approved", status="True", reason="NodeAsksForItself", message="Name and addresses are the node's own."
    )
    request.status.conditions = [condition]
    certificates.replace_certificate_signing_request_approval(request.metadata.name, request)
    log.info("%s of %s approved", request.metadata.name, request.spec.username)


def main():
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # as process 1 it would not end by itself
    config.load_incluster_config()
    certificates, core = client.CertificatesV1Api(), client.CoreV1Api()
    network = ipaddress.ip_network(os.environ["NODE_CIDR"])
    while True:
        try:
            # A watch that ends after a minute starts again with all that is pending, so nothing is forgotten.
            stream = watch.Watch().stream(certificates.list_certificate_signing_request, timeout_seconds=60)
            ALIVE.touch()
            for event in stream:
                ALIVE.touch()
                if event["type"] in ("ADDED", "MODIFIED") and is_pending(event["object"]):
                    judge(certificates, core, event["object"], network)
        except client.ApiException as error:
            if error.status != 409:  # 409: the other replica was faster
                log.warning("the API answered %s %s", error.status, error.reason)
                time.sleep(2)
        except Exception as error:  # the API server restarts, moves or is not there yet
            log.warning("%s: %s", type(error).__name__, error)
            time.sleep(2)


if __name__ == "__main__":
    main()
