"""An HTTPS server of a test's own, on this machine."""

from __future__ import annotations

import base64
import http.server
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bootstrap.secrets import pki


@contextmanager
def serving(handler: type[http.server.BaseHTTPRequestHandler], folder: Path) -> Iterator[tuple[int, str]]:
    """Serve on 127.0.0.1, with a certificate in `folder` that a CA of its own signed: the port, and the CA as a kubeconfig has it."""
    ca = pki.make_ca("kubernetes", 100)
    pair = pki.make_certificate(ca, pki.name_of("kube-apiserver"), ["127.0.0.1"], "server", 100)
    file = folder / "server.pem"
    file.write_text(pair["cert"] + pair["key"])
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(file)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield server.server_port, base64.b64encode(ca["cert"].encode()).decode()
        finally:
            server.shutdown()
