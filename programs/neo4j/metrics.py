"""What Neo4j says of itself over Bolt, as Prometheus reads it: /metrics on PORT, asked anew for every reader."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import neo4j
from neo4j.exceptions import DriverError, Neo4jError

from programs.neo4j.graph import account

JAVA = """CALL dbms.queryJmx('java.lang:*') YIELD name, attributes
WITH name, attributes WHERE name =~ '.*type=(Memory|Threading|OperatingSystem|Runtime)$' OR name CONTAINS 'type=GarbageCollector'
RETURN name, attributes"""
# (kind of bean, attribute, part of it) → metric, what it is, type
BEANS = [
    ("Memory", "HeapMemoryUsage", "used", "neo4j_vm_heap_used_bytes", "Heap in use", "gauge"),
    ("Memory", "HeapMemoryUsage", "max", "neo4j_vm_heap_max_bytes", "Largest size of the heap", "gauge"),
    ("Memory", "NonHeapMemoryUsage", "used", "neo4j_vm_nonheap_used_bytes", "Java's memory beside the heap", "gauge"),
    ("Threading", "ThreadCount", None, "neo4j_vm_threads", "Threads", "gauge"),
    ("OperatingSystem", "OpenFileDescriptorCount", None, "neo4j_vm_file_descriptors_open", "Open files", "gauge"),
    ("OperatingSystem", "ProcessCpuTime", None, "neo4j_vm_cpu_nanoseconds_total", "Processor time", "counter"),
    ("Runtime", "Uptime", None, "neo4j_vm_uptime_milliseconds", "Time since the server started", "gauge"),
    ("GarbageCollector", "CollectionCount", None, "neo4j_vm_gc_count_total", "Garbage collections", "counter"),
    ("GarbageCollector", "CollectionTime", None, "neo4j_vm_gc_milliseconds_total", "Time of garbage collections", "counter"),
]


class Reader:
    """A driver that is kept, and one question at a time."""

    def __init__(self) -> None:
        self._database = os.environ["NEO4J_DATABASE"]
        self._lock = threading.Lock()
        self._driver = neo4j.GraphDatabase.driver(
            os.environ["NEO4J_URI"],
            auth=account(),
            connection_timeout=5,
            connection_acquisition_timeout=8,
            max_transaction_retry_time=0,
        )

    def text(self) -> str:
        """All metrics; when the server does not answer, that it does not."""
        with self._lock:
            try:
                lines = [*self._server(), *self._graph(), *self._java()]
                return "\n".join(["# TYPE neo4j_up gauge", "neo4j_up 1", *lines, ""])
            except (DriverError, Neo4jError) as error:
                print(f"neo4j: {error}", flush=True)
                return "# TYPE neo4j_up gauge\nneo4j_up 0\n"

    def _ask(self, query: str, database: str = "") -> list[Any]:
        return self._driver.execute_query(query, database_=database or self._database).records

    def _server(self) -> Iterator[str]:
        (found,) = self._ask("CALL dbms.components() YIELD name, versions, edition WHERE name = 'Neo4j Kernel' RETURN versions[0], edition")
        yield from _metric("neo4j_info", "Version and edition", "gauge", [({"version": found[0], "edition": found[1]}, 1)])
        databases = self._ask("SHOW DATABASES YIELD name, currentStatus", "system")
        rows = [({"database": name}, int(status == "online")) for name, status in databases]
        yield from _metric("neo4j_database_online", "Whether a database serves", "gauge", rows)
        connections = self._ask("CALL dbms.listConnections() YIELD username RETURN username, count(*)")
        yield from _metric("neo4j_bolt_connections", "Connections by user", "gauge", [({"user": user or ""}, n) for user, n in connections])
        transactions = self._ask("SHOW TRANSACTIONS YIELD status, elapsedTime RETURN count(*), coalesce(max(elapsedTime.milliseconds), 0)")
        yield from _metric("neo4j_transactions_active", "Transactions that run", "gauge", [({}, transactions[0][0])])
        yield from _metric("neo4j_transaction_longest_milliseconds", "The longest of them", "gauge", [({}, transactions[0][1])])

    def _graph(self) -> Iterator[str]:
        for what, query in (("nodes", "MATCH (n) RETURN count(n)"), ("relationships", "MATCH ()-[r]->() RETURN count(r)")):
            rows = [({"database": self._database}, self._ask(query)[0][0])]
            yield from _metric(f"neo4j_{what}", f"Number of {what}", "gauge", rows)
        states = self._ask("SHOW INDEXES YIELD state RETURN state, count(*)")
        yield from _metric("neo4j_indexes", "Indexes by state", "gauge", [({"state": state}, n) for state, n in states])

    def _java(self) -> Iterator[str]:
        beans = [(dict(part.split("=", 1) for part in name.split(":", 1)[1].split(",")), found) for name, found in self._ask(JAVA)]
        for kind, attribute, part, name, about, form in BEANS:
            rows = []
            for words, attributes in beans:
                if words["type"] == kind:
                    value = attributes[attribute]["value"]
                    rows.append(({"gc": words["name"]} if "name" in words else {}, value["properties"][part] if part else value))
            yield from _metric(name, about, form, rows)


def _metric(name: str, about: str, form: str, rows: Iterable[tuple[dict[str, str], Any]]) -> Iterator[str]:
    yield f"# HELP {name} {about}."
    yield f"# TYPE {name} {form}"
    for labels, value in rows:
        words = ",".join(f'{key}="{text}"' for key, text in labels.items())
        yield name + ("{" + words + "}" if words else "") + f" {value}"


class Handler(BaseHTTPRequestHandler):
    """Answers /metrics; anything else is how one sees that this program lives."""

    reader: Reader

    def do_GET(self) -> None:
        body = (self.reader.text() if self.path.startswith("/metrics") else "ok\n").encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Nobody reads who asked."""


if __name__ == "__main__":
    logging.getLogger("neo4j").setLevel(logging.CRITICAL)
    Handler.reader = Reader()
    ThreadingHTTPServer(("", int(os.environ["PORT"])), Handler).serve_forever()
