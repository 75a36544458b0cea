"""Embeddings by feature hashing of words and their pairs, with the standard library: all that the contract asks of bge-service."""

import hashlib
import json
import math
import os
import signal
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise

DIMENSION, MOST, NAME = 384, 100, "feature-hashing"


def embedded(text):
    """A vector of length 1 of a text."""
    words = text.lower().split() or [text]
    vector = [0.0] * DIMENSION
    for feature in [*words, *map(" ".join, pairwise(words)), *text]:
        number = int.from_bytes(hashlib.blake2b(feature.encode(), digest_size=8).digest())
        vector[number % DIMENSION] += 1.0 if number >> 63 else -1.0
    length = math.sqrt(sum(x * x for x in vector)) or 1.0
    return [x / length for x in vector]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    requests = 0

    def do_GET(self):
        if self.path in {"/health", "/ready"}:
            self.answer(200, {"status": "ok"})
        elif self.path == "/info":
            self.answer(200, {"model_name": NAME, "dimension": DIMENSION})
        elif self.path == "/metrics":
            self.answer(200, f"# TYPE embeddings_requests counter\nembeddings_requests_total {Handler.requests}\n")
        else:
            self.answer(404, {"error": {"field": "path", "found": self.path, "wanted": "a path of the contract"}})

    def do_POST(self):
        began = time.perf_counter()
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        try:
            texts = json.loads(body)["texts"]
            wrong = not isinstance(texts, list) or not 1 <= len(texts) <= MOST or not all(isinstance(text, str) for text in texts)
        except (ValueError, KeyError, TypeError):
            wrong, texts = True, body[:80].decode(errors="replace")
        if self.path != "/embed" or wrong:
            self.answer(400, {"error": {"field": "texts", "found": str(texts)[:80], "wanted": f"1 to {MOST} texts"}})
            return
        Handler.requests += 1
        vectors = [embedded(text) for text in texts]
        told = {"embeddings": vectors, "dimension": DIMENSION, "model_name": NAME, "processing_time": time.perf_counter() - began}
        self.answer(200, told)

    def answer(self, status, told):
        data = told.encode() if isinstance(told, str) else json.dumps(told).encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain; version=0.0.4" if isinstance(told, str) else "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("", int(os.environ["PORT"])), Handler)
signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
server.serve_forever()
