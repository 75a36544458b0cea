"""A small Kubernetes API client on the standard library.

What is needed here is a handful of REST calls, so this speaks HTTP itself and starts in 40 ms. Why the official client does not:
docs/decisions/0003.
"""

from __future__ import annotations

import base64
import http.client
import json
import ssl
import tempfile
import threading
import time
from pathlib import Path
from urllib.parse import quote, urlencode, urlsplit

import yaml

from bootstrap.errors import BootstrapError

APPLY = "application/apply-patch+yaml"
# Answers of an API server, a webhook or an etcd that is starting or moving; every request made here may be repeated.
_PASSING = {409, 429, 502, 503, 504}
_PASSING_TEXT = ("failed calling webhook", "etcdserver:", "context deadline exceeded", "connection refused")


class ApiError(BootstrapError):
    """The API server refused a request. `status` is the HTTP status, `message` its explanation."""

    def __init__(self, status, message):
        super().__init__(message)
        self.status, self.message = status, message


class UnknownKind(ApiError):
    """The server knows no such kind, or not yet."""


class KubeApi:
    """Talks to the API server that a kubeconfig names; safe to use from several threads.

    :param kubeconfig: path of a kubeconfig with a client certificate or a token.
    :param patience: seconds during which a request that meets a passing fault is repeated.
    :param server: URL of one API server, in place of the one that the kubeconfig names.
    :raises ApiError: there is no such file (status 0).
    """

    def __init__(self, kubeconfig, patience=60, server=""):
        self.patience = patience
        cluster, user = _current(kubeconfig)
        place = urlsplit(server or cluster["server"])
        self._address = (place.hostname, place.port or 443)
        self._tls = _tls(cluster, user)
        self._headers = {"Accept": "application/json"}
        if user.get("token"):
            self._headers["Authorization"] = f"Bearer {user['token']}"
        self._local = threading.local()
        self._resources = {}

    def request(self, method, path, query=None, body=None, content_type=None, raw=False):
        """Send a request and return the decoded answer, or its text when it is no JSON or `raw` says so.

        :raises ApiError: when the server refuses it, or could not be reached for `patience` seconds (status 0).
        """
        target = f"{path}?{urlencode(query)}" if query else path
        payload = json.dumps(body).encode() if body is not None else None
        headers = {**self._headers, **({"Content-Type": content_type or "application/json"} if payload else {})}
        deadline, pause = time.monotonic() + self.patience, 0.2
        while True:
            try:
                status, text = self._send(method, target, payload, headers)
                if status < 300:
                    return json.loads(text) if text.startswith("{") and not raw else text
                fault = _fault(status, _message(text))
                passing = status in _PASSING or (status == 500 and any(word in fault.message for word in _PASSING_TEXT))
            except (OSError, http.client.HTTPException) as exception:
                self._drop()
                fault, passing = ApiError(0, f"https://{':'.join(map(str, self._address))}: {exception}"), True
            if not passing or time.monotonic() + pause > deadline:
                raise fault
            time.sleep(pause)
            pause = min(pause * 1.6, 3)

    def get(self, reference):
        """The object that `reference` names (apiVersion, kind, metadata.name and .namespace), or None."""
        try:
            return self.request("GET", self.path(reference))
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    def pods(self, namespace, labels):
        """The pods of a namespace that carry all these labels."""
        path = self.path({"apiVersion": "v1", "kind": "Pod", "metadata": {"namespace": namespace}}, collection=True)
        query = {"labelSelector": ",".join(f"{name}={value}" for name, value in labels.items())}
        items = self.request("GET", path, query)["items"]
        return [{"apiVersion": "v1", "kind": "Pod", **pod} for pod in items]  # a list leaves these out

    def delete(self, reference, query):
        """Delete the object that `reference` names, with the options in `query`; one that is gone already is no error."""
        try:
            self.request("DELETE", self.path(reference), query)
        except ApiError as error:
            if error.status != 404:
                raise

    def apply(self, definition, manager, dry_run=False):
        """Server-side apply; fields that another manager holds become ours, unknown fields are an error."""
        query = {"fieldManager": manager, "force": "true", "fieldValidation": "Strict"}
        if dry_run:
            query["dryRun"] = "All"
        return self.request("PATCH", self.path(definition), query, definition, APPLY)

    def path(self, reference, collection=False):
        """The URL path of an object, or of the collection that it belongs to.

        :raises UnknownKind: the server does not know the kind.
        """
        version, kind = reference["apiVersion"], reference["kind"]
        plural, namespaced = self._resource(version, kind)
        parts = ["/api" if "/" not in version else "/apis", version]
        namespace = reference["metadata"].get("namespace")
        if namespaced and (namespace or not collection):
            parts += ["namespaces", quote(namespace or "default")]
        parts.append(plural)
        if not collection:
            parts.append(quote(reference["metadata"]["name"]))
        return "/".join(parts)

    def _resource(self, version, kind):
        if kind not in self._resources.get(version, {}):
            prefix = "/api" if "/" not in version else "/apis"
            try:
                listed = self.request("GET", f"{prefix}/{version}")["resources"]
            except ApiError as error:
                raise (UnknownKind(404, f"the server has no {version}") if error.status == 404 else error) from error
            self._resources[version] = {r["kind"]: (r["name"], r["namespaced"]) for r in listed if "/" not in r["name"]}
        if kind not in self._resources[version]:
            raise UnknownKind(404, f"the server has no kind {kind} in {version}")
        return self._resources[version][kind]

    def _send(self, method, target, payload, headers):
        if not hasattr(self._local, "connection"):
            self._local.connection = http.client.HTTPSConnection(*self._address, context=self._tls, timeout=30)
        self._local.connection.request(method, target, payload, headers)
        answer = self._local.connection.getresponse()
        return answer.status, answer.read().decode(errors="replace")

    def _drop(self):
        if hasattr(self._local, "connection"):
            self._local.connection.close()
            del self._local.connection


def _fault(status, message):
    # A definition that was just made is listed a moment before its objects are served.
    unserved = status == 404 and "could not find the requested resource" in message
    return (UnknownKind if unserved else ApiError)(status, message)


def _current(kubeconfig):
    try:
        config = yaml.safe_load(Path(kubeconfig).read_text())
    except FileNotFoundError:
        message = f"kubeconfig {kubeconfig}: found no file; wanted the cluster's, which playbooks/kubernetes.yml delivers."
        raise ApiError(0, message) from None

    def named(kind, name):
        return next(entry[kind] for entry in config[f"{kind}s"] if entry["name"] == name)

    context = named("context", config["current-context"])
    return named("cluster", context["cluster"]), named("user", context["user"])


def _tls(cluster, user):
    ca = _pem(cluster, "certificate-authority")
    context = ssl.create_default_context(cadata=ca.decode() if ca else None)
    certificate, key = _pem(user, "client-certificate"), _pem(user, "client-key")
    if certificate and key:
        with tempfile.NamedTemporaryFile() as pair:  # the ssl module reads certificates from files only; mode 0600
            pair.write(certificate + b"\n" + key)
            pair.flush()
            context.load_cert_chain(pair.name)
    return context


def _pem(section, name):
    if f"{name}-data" in section:
        return base64.b64decode(section[f"{name}-data"])
    return Path(section[name]).read_bytes() if name in section else None


def _message(text):
    try:
        return json.loads(text)["message"]
    except (ValueError, KeyError, TypeError):
        return text[:500]
