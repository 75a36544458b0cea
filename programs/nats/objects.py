"""Keeps NATS as declared: servers that run the wanted configuration, and the streams and consumers of the application's account.

Nothing is dropped, and what JetStream cannot change in place it refuses with a reason.
"""

from __future__ import annotations

import asyncio
import json
import logging
import ssl
import time
from typing import Any

import nats
import nats.errors

from programs import protocol
from programs.protocol import Absent, Actions, Refusal, Wanted

Json = dict[str, Any]

SECOND = 10**9  # JetStream counts in nanoseconds, the declarations in seconds
DURATIONS = {"max_age", "duplicate_window", "subject_delete_marker_ttl"}  # of streams
DURATIONS |= {"ack_wait", "backoff", "idle_heartbeat", "inactive_threshold", "max_expires", "priority_timeout"}  # of consumers
NOT_FOUND = {10059, 10014}  # a stream, a consumer
SETTLING = {10008, 10009}  # JetStream has no leader yet, or not enough members yet
PAUSE = 2
LOST = (nats.errors.Error, TimeoutError)


def native(config: Json) -> Json:
    """A declaration in JetStream's own units."""

    def nanoseconds(value: Any) -> Any:
        return [nanoseconds(one) for one in value] if isinstance(value, list) else int(value * SECOND)

    return {key: nanoseconds(value) if key in DURATIONS else value for key, value in config.items()}


def differing(wanted: Json, found: Json) -> list[str]:
    """Names of the settings that are not as wanted; the server may add to a table such as `metadata`."""

    def same(value: Any, other: Any) -> bool:
        if isinstance(value, dict):
            return isinstance(other, dict) and all(same(value[key], other.get(key)) for key in value)
        return value == other or (other is None and not value)

    return sorted(key for key, value in wanted.items() if not same(value, found.get(key)))


async def connected(wanted: Wanted, user: str, deadline: float, timeout: float = 5) -> Any:
    """A connection as one of the users. While they are replaced, one server knows only the new password, another only the previous.

    :param timeout: seconds for one attempt.
    :raises Absent: no server is there.
    :raises Refusal: why it lets the user not in.
    """
    reason: Exception | None = None
    while True:
        for password in dict.fromkeys(wanted["passwords"][user]):
            try:
                return await nats.connect(
                    wanted["url"],
                    user=user,
                    password=password,
                    tls=ssl.create_default_context(),
                    connect_timeout=timeout,
                    allow_reconnect=False,
                    max_reconnect_attempts=1,
                    reconnect_time_wait=0,
                    error_cb=_ignore,
                )
            except (nats.errors.Error, OSError, TimeoutError) as error:
                reason = error
        if time.monotonic() > deadline:
            absent = isinstance(reason, nats.errors.NoServersError)
            raise (Absent if absent else Refusal)(f"{wanted['url']} as {user}: {reason}")
        await asyncio.sleep(PAUSE)


async def _ignore(_error: Exception) -> None:
    """The error is raised where it matters."""


async def servers(link: Any, count: int) -> dict[str, tuple[str, str | None]]:
    """{name: (id, revision of its configuration)} of the servers that answer, at best `count`."""
    return {
        answer["server"]["name"]: (answer["server"]["id"], (answer["data"].get("metadata") or {}).get("revision"))
        for answer in await everyone(link, "VARZ", {}, count, 3)
    }


async def everyone(link: Any, what: str, options: Json, count: int, timeout: float) -> list[Json]:
    """What the servers answer that do, at best `count` of them.

    :param timeout: seconds without another answer.
    """
    inbox = link.new_inbox()
    found: dict[str, Json] = {}
    answers = await link.subscribe(inbox)
    await link.publish(f"$SYS.REQ.SERVER.PING.{what}", json.dumps(options).encode(), reply=inbox)
    try:
        while len(found) < count:
            answer = json.loads((await answers.next_msg(timeout=timeout)).data)
            found[answer["server"]["name"]] = answer
    except TimeoutError:
        pass
    await answers.unsubscribe()
    return list(found.values())


async def reload(wanted: Wanted, actions: Actions, deadline: float) -> None:
    """Have every server take over the configuration that lies in its pod; the kubelet brings a new one there within a minute or two."""
    reloaded: set[str] = set()
    while True:
        link = await connected(wanted, wanted["system_user"], deadline)
        try:
            found = await servers(link, wanted["replicas"])
            stale = {name: identity for name, (identity, revision) in found.items() if revision != wanted["revision"]}
            if actions.check or (not stale and len(found) >= wanted["replicas"]):
                for name in sorted(reloaded | set(stale)):
                    actions.add(f"RELOAD {name}")
                return
            for name, identity in stale.items():
                answer = json.loads((await link.request(f"$SYS.REQ.SERVER.{identity}.RELOAD", b"", timeout=10)).data)
                if error := answer.get("error"):
                    raise Refusal(f"{name} refuses to reload: {error.get('description')}")
                reloaded.add(name)
        except LOST as error:  # a reload that changes this very user ends its connection
            stale, found = {wanted["url"]: str(error)}, {}
        finally:
            await link.close()
        if time.monotonic() > deadline:
            raise Refusal(f"still without the wanted configuration: {sorted(stale)}; servers that answer: {sorted(found)}")
        await asyncio.sleep(PAUSE)


async def ask(link: Any, subject: str, body: Json, deadline: float) -> Json | None:
    """A request of JetStream's API; None for what does not exist. Waits while JetStream finds its leader."""
    while True:
        try:
            answer = json.loads((await link.request(f"$JS.API.{subject}", json.dumps(body).encode(), timeout=10)).data)
        except LOST as error:
            answer = {"error": {"err_code": min(SETTLING), "description": str(error)}}
        error = answer.get("error")
        if not error:
            return answer
        if error.get("err_code") in NOT_FOUND:
            return None
        if error.get("err_code") not in SETTLING or time.monotonic() > deadline:
            raise Refusal(f"{subject}: {error.get('description')}")
        await asyncio.sleep(PAUSE)


async def streams(link: Any, wanted: Wanted, actions: Actions, deadline: float) -> None:
    """Streams, then their consumers."""
    for stream in wanted["streams"]:
        name, config = stream["name"], native({"num_replicas": min(3, wanted["replicas"]), **stream["config"]})
        found = await ask(link, f"STREAM.INFO.{name}", {}, deadline)
        if (word := step(f"STREAM {name}", config, found, actions)) and not actions.check:
            body = {**(found or {}).get("config", {}), **config, "name": name}
            await ask(link, f"STREAM.{word}.{name}", body, deadline)
        for consumer in stream.get("consumers") or []:
            path, config = f"{name}.{consumer['name']}", native(consumer["config"])
            found = await ask(link, f"CONSUMER.INFO.{path}", {}, deadline)
            if (word := step(f"CONSUMER {path}", config, found, actions)) and not actions.check:
                body = {**(found or {}).get("config", {}), **config, "name": consumer["name"], "durable_name": consumer["name"]}
                request = {"stream_name": name, "config": body, "action": word.lower()}
                await ask(link, f"CONSUMER.CREATE.{path}", request, deadline)


def step(what: str, config: Json, found: Json | None, actions: Actions) -> str | None:
    """CREATE, UPDATE or None; what it is goes to `actions`."""
    if found is None:
        actions.add(f"CREATE {what}")
        return "CREATE"
    if keys := differing(config, found["config"]):
        actions.add(f"UPDATE {what} {', '.join(keys)}")
        return "UPDATE"
    return None


async def everything(wanted: Wanted, actions: Actions) -> None:
    """The configuration, then what it allows."""
    deadline = time.monotonic() + (protocol.patience(wanted) or PAUSE)
    await reload(wanted, actions, deadline)
    link = await connected(wanted, wanted["keeper"], deadline)
    try:
        await streams(link, wanted, actions, deadline)
    finally:
        await link.close()


def converge(wanted: Wanted, actions: Actions) -> None:
    """See programs.protocol."""
    asyncio.run(everything(wanted, actions))


if __name__ == "__main__":
    logging.getLogger("asyncio").setLevel(logging.ERROR)  # it warns of how the library and TLS end a connection
    protocol.keep(converge)
