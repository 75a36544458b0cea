"""Keep NATS as declared: servers that run the wanted configuration, and the streams and consumers of the application's account.

Runs in the toolbox; see the module toolbox_program. Nothing is dropped, and what JetStream cannot change in place it refuses with a reason.
"""

import asyncio
import json
import logging
import ssl
import sys
import time

SECOND = 10**9  # JetStream counts in nanoseconds, the declarations in seconds
DURATIONS = {"max_age", "duplicate_window", "subject_delete_marker_ttl"}  # of streams
DURATIONS |= {"ack_wait", "backoff", "idle_heartbeat", "inactive_threshold", "max_expires", "priority_timeout"}  # of consumers
NOT_FOUND = {10059, 10014}  # a stream, a consumer
SETTLING = {10008, 10009}  # JetStream has no leader yet, or not enough members yet
PAUSE = 2


class Failure(Exception):
    """NATS is not there, or refuses."""


def native(config):
    """A declaration in JetStream's own units."""

    def nanoseconds(value):
        return [nanoseconds(one) for one in value] if isinstance(value, list) else int(value * SECOND)

    return {key: nanoseconds(value) if key in DURATIONS else value for key, value in config.items()}


def differing(wanted, found):
    """Names of the settings that are not as wanted; the server may add to a table such as `metadata`."""

    def same(value, other):
        if isinstance(value, dict):
            return isinstance(other, dict) and all(same(value[key], other.get(key)) for key in value)
        return value == other or (other is None and not value)

    return sorted(key for key, value in wanted.items() if not same(value, found.get(key)))


async def connected(wanted, user, deadline):
    """A connection as one of the users. While they are replaced, one server knows only the new password, another only the previous."""
    import nats  # only the toolbox has it

    while True:
        for password in dict.fromkeys(wanted["passwords"][user]):
            try:
                return await nats.connect(
                    wanted["url"],
                    user=user,
                    password=password,
                    tls=ssl.create_default_context(),
                    connect_timeout=5,
                    allow_reconnect=False,
                    max_reconnect_attempts=1,
                    reconnect_time_wait=0,
                    error_cb=_ignore,
                )
            except (nats.errors.Error, OSError, TimeoutError) as error:
                reason = error
        if time.monotonic() > deadline:
            raise Failure(f"{wanted['url']} as {user}: {reason}")
        await asyncio.sleep(PAUSE)


async def _ignore(_error):
    """The error is raised where it matters."""


async def servers(link, count):
    """{name: (id, revision of its configuration)} of the servers that answer, at best `count`."""
    inbox, found = link.new_inbox(), {}
    answers = await link.subscribe(inbox)
    await link.publish("$SYS.REQ.SERVER.PING.VARZ", reply=inbox)
    try:
        while len(found) < count:
            answer = json.loads((await answers.next_msg(timeout=3)).data)
            metadata = answer["data"].get("metadata") or {}
            found[answer["server"]["name"]] = (answer["server"]["id"], metadata.get("revision"))
    except TimeoutError:
        pass
    await answers.unsubscribe()
    return found


async def reload(wanted, deadline):
    """Have every server take over the configuration that lies in its pod; the kubelet brings a new one there within a minute or two."""
    reloaded = set()
    while True:
        link = await connected(wanted, wanted["system_user"], deadline)
        try:
            found = await servers(link, wanted["replicas"])
            stale = {name: identity for name, (identity, revision) in found.items() if revision != wanted["revision"]}
            if wanted["check"] or (not stale and len(found) >= wanted["replicas"]):
                return [f"RELOAD {name}" for name in sorted(reloaded | set(stale))]
            for name, identity in stale.items():
                answer = json.loads((await link.request(f"$SYS.REQ.SERVER.{identity}.RELOAD", b"", timeout=10)).data)
                if error := answer.get("error"):
                    raise Failure(f"{name} refuses to reload: {error.get('description')}")
                reloaded.add(name)
        except _lost() as error:  # a reload that changes this very user ends its connection
            stale, found = {wanted["url"]: str(error)}, {}
        finally:
            await link.close()
        if time.monotonic() > deadline:
            raise Failure(f"still without the wanted configuration: {sorted(stale)}; servers that answer: {sorted(found)}")
        await asyncio.sleep(PAUSE)


def _lost():
    import nats

    return (nats.errors.Error, TimeoutError)


async def ask(link, subject, body, deadline):
    """A request of JetStream's API; None for what does not exist. Waits while JetStream finds its leader."""
    while True:
        try:
            answer = json.loads((await link.request(f"$JS.API.{subject}", json.dumps(body).encode(), timeout=10)).data)
        except _lost() as error:
            answer = {"error": {"err_code": min(SETTLING), "description": str(error)}}
        error = answer.get("error")
        if not error:
            return answer
        if error.get("err_code") in NOT_FOUND:
            return None
        if error.get("err_code") not in SETTLING or time.monotonic() > deadline:
            raise Failure(f"{subject}: {error.get('description')}")
        await asyncio.sleep(PAUSE)


async def converge(link, wanted, deadline):
    """Streams, then their consumers; what was done, or would be."""
    actions = []
    for stream in wanted["streams"]:
        name, config = stream["name"], native({"num_replicas": min(3, wanted["replicas"]), **stream["config"]})
        found = await ask(link, f"STREAM.INFO.{name}", {}, deadline)
        if (word := step(f"STREAM {name}", config, found, actions)) and not wanted["check"]:
            body = {**(found or {}).get("config", {}), **config, "name": name}
            await ask(link, f"STREAM.{word}.{name}", body, deadline)
        for consumer in stream.get("consumers") or []:
            path, config = f"{name}.{consumer['name']}", native(consumer["config"])
            found = await ask(link, f"CONSUMER.INFO.{path}", {}, deadline)
            if (word := step(f"CONSUMER {path}", config, found, actions)) and not wanted["check"]:
                body = {**(found or {}).get("config", {}), **config, "name": consumer["name"], "durable_name": consumer["name"]}
                request = {"stream_name": name, "config": body, "action": word.lower()}
                await ask(link, f"CONSUMER.CREATE.{path}", request, deadline)
    return actions


def step(what, config, found, actions):
    """CREATE, UPDATE or None; what it is goes to `actions`."""
    if found is None:
        actions.append(f"CREATE {what}")
        return "CREATE"
    if keys := differing(config, found["config"]):
        actions.append(f"UPDATE {what} {', '.join(keys)}")
        return "UPDATE"
    return None


async def main():
    """See the module toolbox_program."""
    logging.getLogger("asyncio").setLevel(logging.ERROR)  # it warns of how the library and TLS end a connection
    wanted = json.load(sys.stdin)
    deadline = time.monotonic() + (PAUSE if wanted["check"] else wanted["patience"])
    try:
        actions = await reload(wanted, deadline)
        link = await connected(wanted, wanted["keeper"], deadline)
        actions += await converge(link, wanted, deadline)
        await link.close()
    except Failure as error:
        if not (wanted["check"] and "no servers available" in str(error)):
            sys.exit(str(error))
        actions = []  # it would come with this very run
    print(json.dumps({"actions": actions}))


if __name__ == "__main__":
    asyncio.run(main())
