"""A Kubernetes API server of one's own for tests: etcd and kube-apiserver on this machine, without any node.

    python tests/api_server.py up DIR      # writes DIR/kubeconfig
    python tests/api_server.py down DIR

Both programs come from the artifact store, or from PATH.
"""

from __future__ import annotations

import base64
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import yaml

from bootstrap.kube.api import ApiError, KubeApi
from bootstrap.secrets.entries import reconcile

CREDENTIALS = {
    "ca": {"kind": "ca", "common_name": "test authority"},
    "tokens": {"kind": "keypair"},
    "server": {"kind": "certificate", "ca": "ca", "common_name": "kube-apiserver", "sans": ["127.0.0.1", "localhost"]},
    "admin": {"kind": "certificate", "ca": "ca", "common_name": "admin", "organization": "system:masters"},
}
READY_SECONDS = 60
LIFETIME_SECONDS = 1800  # a test that is killed never calls `down`: both programs end by themselves


def up(folder: Path) -> Path:
    """Start both programs with their files below `folder` and wait until they answer.

    Returns:
        The kubeconfig of an administrator.

    Raises:
        FileNotFoundError: a program is neither in the artifact store nor in PATH.
        TimeoutError: the API server is not ready in time; the error ends with its log.
    """
    try:
        return _up(folder)
    except BaseException:  # an interruption too leaves nothing behind
        down(folder)
        raise


def _up(folder: Path) -> Path:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    files = _write_credentials(folder)
    etcd, peer, api = (_free_port() for _ in range(3))
    _start(folder, "etcd", *_etcd_flags(folder, etcd, peer))
    _start(folder, "kube-apiserver", *_api_flags(files, etcd, api))
    kubeconfig = _write_kubeconfig(folder, files, api)
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        try:
            KubeApi(kubeconfig, patience=1).request("GET", "/readyz")
            return kubeconfig
        except ApiError:
            time.sleep(0.3)
    log = (folder / "kube-apiserver.log").read_text(errors="replace")[-2000:]
    raise TimeoutError(f"kube-apiserver is not ready after {READY_SECONDS} s; the end of its log:\n{log}")


def down(folder: Path) -> None:
    """Stop what `up` started and remove the folder."""
    for name in ("kube-apiserver", "etcd"):
        file = folder / f"{name}.pid"
        if file.exists() and _is_ours(process := int(file.read_text()), folder):
            os.killpg(process, signal.SIGKILL)
    shutil.rmtree(folder, ignore_errors=True)


def program(name: str) -> str:
    """Where a program is: the artifact store's outputs, or PATH.

    Raises:
        FileNotFoundError: it is in neither.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    store = Path(os.environ.get("VOICEHELPER_LAB_STORE") or cache / "voicehelper-lab")
    built = sorted((store / "outputs").glob(f"*/{name}"))
    if found := (str(built[0]) if built else shutil.which(name)):
        return found
    raise FileNotFoundError(f"{name}: not below {store}/outputs and not in PATH; `artifacts build` makes it")


def _write_credentials(folder: Path) -> dict[str, Path]:
    entries: dict = {}
    reconcile(CREDENTIALS, entries, {"ca_days": 30, "days": 20, "renew_share": 0.1})
    files = {}
    for name, entry in entries.items():
        for part, text in entry["value"].items():
            files[f"{name}.{part}"] = folder / f"{name}.{part}"
            files[f"{name}.{part}"].write_text(text)
    return files


def _etcd_flags(folder: Path, client: int, peer: int) -> list[str]:
    own, others = f"http://127.0.0.1:{client}", f"http://127.0.0.1:{peer}"
    return [
        f"--data-dir={folder}/etcd",
        f"--listen-client-urls={own}",
        f"--advertise-client-urls={own}",
        f"--listen-peer-urls={others}",
        f"--initial-advertise-peer-urls={others}",
        f"--initial-cluster=default={others}",
        "--unsafe-no-fsync",
    ]


def _api_flags(files: dict[str, Path], etcd: int, port: int) -> list[str]:
    return [
        f"--etcd-servers=http://127.0.0.1:{etcd}",
        "--bind-address=127.0.0.1",
        f"--secure-port={port}",
        "--service-cluster-ip-range=10.96.0.0/16",
        "--authorization-mode=Node,RBAC",
        f"--tls-cert-file={files['server.cert']}",
        f"--tls-private-key-file={files['server.key']}",
        f"--client-ca-file={files['ca.cert']}",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={files['tokens.public']}",
        f"--service-account-signing-key-file={files['tokens.key']}",
        "--endpoint-reconciler-type=none",
        "--allow-privileged",
    ]


def _write_kubeconfig(folder: Path, files: dict[str, Path], port: int) -> Path:
    def data(name: str) -> str:
        return base64.b64encode(files[name].read_bytes()).decode()

    cluster = {"server": f"https://127.0.0.1:{port}", "certificate-authority-data": data("ca.cert")}
    user = {"client-certificate-data": data("admin.cert"), "client-key-data": data("admin.key")}
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "test",
        "clusters": [{"name": "test", "cluster": cluster}],
        "users": [{"name": "admin", "user": user}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "admin"}}],
    }
    path = folder / "kubeconfig"
    path.touch(mode=0o600)
    path.write_text(yaml.safe_dump(config))
    return path


def _start(folder: Path, name: str, *flags: str) -> None:
    with (folder / f"{name}.log").open("wb") as log:
        command = ["timeout", str(LIFETIME_SECONDS), program(name), *flags]
        process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
    (folder / f"{name}.pid").write_text(str(process.pid))


def _is_ours(process: int, folder: Path) -> bool:
    """Whether a number still means what was started for the folder, and not a later process that got it."""
    try:
        return f"{folder}/" in Path(f"/proc/{process}/cmdline").read_text()
    except OSError:
        return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


if __name__ == "__main__":
    {"up": up, "down": down}[sys.argv[1]](Path(sys.argv[2]).resolve())
