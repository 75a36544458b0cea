#!/usr/bin/python3
"""Serve what a NATS server's monitoring port says as Prometheus metrics, by the flags and the names of prometheus-nats-exporter."""

import argparse
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.error import HTTPError
from urllib.request import urlopen

JETSTREAM = {
    "server": {
        "jetstream_disabled": ("disabled",),
        "total_streams": ("streams",),
        "total_consumers": ("consumers",),
        "total_messages": ("messages",),
        "total_message_bytes": ("bytes",),
        "max_memory": ("config", "max_memory"),
        "max_storage": ("config", "max_storage"),
    },
    "stream": {
        "total_messages": ("state", "messages"),
        "total_bytes": ("state", "bytes"),
        "first_seq": ("state", "first_seq"),
        "last_seq": ("state", "last_seq"),
        "consumer_count": ("state", "consumer_count"),
    },
    "consumer": {
        "delivered_consumer_seq": ("delivered", "consumer_seq"),
        "delivered_stream_seq": ("delivered", "stream_seq"),
        "num_ack_pending": ("num_ack_pending",),
        "num_redelivered": ("num_redelivered",),
        "num_waiting": ("num_waiting",),
        "num_pending": ("num_pending",),
        "ack_floor_stream_seq": ("ack_floor", "stream_seq"),
        "ack_floor_consumer_seq": ("ack_floor", "consumer_seq"),
    },
}


def ask(url, path):
    """What the server answers; a server that is not well answers too."""
    try:
        with urlopen(f"{url}/{path}", timeout=5) as answer:
            return json.load(answer)
    except HTTPError as error:
        return json.load(error)


def sample(name, labels, value):
    """One line of the exposition format."""
    words = ",".join(f"{key}={json.dumps(str(text))}" for key, text in labels.items())
    return f"{name}{{{words}}} {float(value):g}"


def plain(endpoint, labels, answer):
    """Every number that an endpoint answers with."""
    numbers = {key: value for key, value in answer.items() if isinstance(value, (int, float)) and not isinstance(value, bool)}
    return [sample(f"gnatsd_{endpoint}_{key}", labels, value) for key, value in numbers.items()]


def jetstream(kind, labels, answer):
    """The metrics of a server, a stream or a consumer."""
    lines = []
    for name, path in JETSTREAM[kind].items():
        value = answer
        for part in path:
            value = value.get(part) or {}
        lines.append(sample(f"jetstream_{kind}_{name}", labels, value or 0))
    return lines


def all_of_jetstream(server, answer):
    """A server's own metrics, then its streams and their consumers."""
    name, meta = server["server_name"], answer.get("meta_cluster") or {}
    leader = meta.get("leader", name)
    labels = {**server, "cluster": meta.get("name", ""), "meta_leader": leader, "is_meta_leader": _truth(leader == name)}
    lines = jetstream("server", labels, answer)
    for account in answer.get("account_details") or []:
        for stream in account.get("stream_detail") or []:
            leader = (stream.get("cluster") or {}).get("leader", name)
            mine = {"account": account["name"], "stream_name": stream["name"], "stream_leader": leader}
            mine["is_stream_leader"] = _truth(leader == name)
            lines += jetstream("stream", {**labels, **mine}, stream)
            for consumer in stream.get("consumer_detail") or []:
                leader = (consumer.get("cluster") or {}).get("leader", name)
                own = {"consumer_name": consumer["name"], "consumer_leader": leader, "is_consumer_leader": _truth(leader == name)}
                lines += jetstream("consumer", {**labels, **mine, **own}, consumer)
    return lines


def _truth(value):
    return str(value).lower()


def metrics(options):
    """All metrics; a server that does not answer is seen by what is missing."""
    varz = ask(options.url, "varz")
    labels = {"server_id": varz["server_name"] if options.use_internal_server_name else options.url}
    lines = plain("varz", labels, varz) if options.varz else []
    lines += plain("routez", labels, ask(options.url, "routez")) if options.routez else []
    if options.healthz:
        lines.append(sample("gnatsd_healthz_status", labels, ask(options.url, "healthz").get("status") != "ok"))
    if options.jsz:
        lines += all_of_jetstream({**labels, "server_name": varz["server_name"]}, ask(options.url, "jsz?consumers=true&config=true"))
    return "\n".join(lines) + "\n"


def main():
    """Serve until the pod ends."""
    parser = argparse.ArgumentParser()
    parser.add_argument("-port", type=int, default=7777)
    parser.add_argument("-jsz", default="")
    for flag in ("-varz", "-healthz", "-routez", "-use_internal_server_name"):
        parser.add_argument(flag, action="store_true")
    parser.add_argument("url")
    options = parser.parse_args()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            try:
                text, status = metrics(options) if self.path == "/metrics" else "", 200 if self.path in ("/", "/metrics") else 404
            except OSError as error:
                text, status = f"{error}\n", 502
            self.send_response(status)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_):
            """A scrape is not worth a line."""

    ThreadingHTTPServer(("", options.port), Handler).serve_forever()


if __name__ == "__main__":
    main()
