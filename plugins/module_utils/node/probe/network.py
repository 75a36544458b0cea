"""Interfaces, listening ports, and what can be reached from here."""

from __future__ import annotations

import json
import socket
import subprocess
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

SECONDS = 4.0
LISTENING = {"tcp": "0A", "udp": "07"}


def interface_of(address: str) -> dict:
    """{name, mac} of the interface that holds `address`; empty when none does."""
    answer = subprocess.run(["ip", "-j", "address"], capture_output=True, text=True, check=True)
    for link in json.loads(answer.stdout):
        if any(entry.get("local") == address for entry in link.get("addr_info", [])):
            return {"name": link["ifname"], "mac": link.get("address", "")}
    return {}


def _sockets(protocol: str) -> dict[str, int]:
    """Port of each listening socket, by inode."""
    found = {}
    for table in (protocol, f"{protocol}6"):
        path = Path("/proc/net", table)
        for line in path.read_text().splitlines()[1:] if path.exists() else []:
            fields = line.split()
            if fields[3] == LISTENING[protocol]:
                found[fields[9]] = int(fields[1].rpartition(":")[2], 16)
    return found


def _owners(inodes: set[str]) -> dict[str, str]:
    """Program name of each socket inode."""
    owners = {}
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            target = str(link.readlink())
            inode = target[8:-1] if target.startswith("socket:[") else ""
            if inode in inodes:
                owners[inode] = Path(*link.parts[:3], "comm").read_text().strip()
        except OSError:
            continue  # the process ended while we looked
    return owners


def taken(ports: list[str]) -> dict[str, str]:
    """Which of the wanted ports ("6443/tcp") another program holds, and its name."""
    busy = {}
    for protocol in LISTENING:
        wanted = {int(port.split("/")[0]) for port in ports if port.endswith(f"/{protocol}")}
        held = {inode: port for inode, port in _sockets(protocol).items() if port in wanted}
        owners = _owners(set(held)) if held else {}
        busy.update({f"{port}/{protocol}": owners.get(inode, "unknown") for inode, port in held.items()})
    return busy


def _resolve(name: str) -> str:
    try:
        socket.getaddrinfo(name, None)
    except OSError as error:
        return error.strerror or str(error)
    return ""


def _connect(address: str, port: int) -> str:
    try:
        socket.create_connection((address, port), timeout=SECONDS).close()
    except ConnectionRefusedError:
        return ""  # the machine answered
    except OSError as error:
        return error.strerror or str(error)
    return ""


def _head(url: str) -> str:
    try:
        urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=SECONDS).close()
    except urllib.error.HTTPError:
        return ""  # any answer shows that the server is reached
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        return getattr(reason, "strerror", None) or str(reason)
    return ""


def resolvers(path: Path) -> list[str]:
    """Addresses of the resolvers that a resolv.conf names; none when it is not there."""
    lines = [line.split() for line in path.read_text().splitlines()] if path.exists() else []
    return [fields[1] for fields in lines if fields[:1] == ["nameserver"] and len(fields) > 1]


def reach(names: list[str], peers: list[dict], urls: list[str]) -> dict[str, dict[str, str]]:
    """Try everything at once. Gives {names, peers, urls}: each a dict of what failed, with the reason."""
    with ThreadPoolExecutor(max_workers=16) as pool:
        tries = {
            "names": {name: pool.submit(_resolve, name) for name in names},
            "peers": {peer["name"]: pool.submit(_connect, peer["address"], peer["port"]) for peer in peers},
            "urls": {url: pool.submit(_head, url) for url in urls},
        }
        answers = {kind: {key: future.result() for key, future in items.items()} for kind, items in tries.items()}
    return {kind: {key: reason for key, reason in items.items() if reason} for kind, items in answers.items()}
