"""Runs inside a probe pod, which has Python's standard library and nothing of this project.

serve NAME OPEN_PORT GUARDED_PORT    answer every request with NAME
probe                                make the probes given as JSON on standard input, print what was found
"""

import http.server
import json
import socket
import ssl
import sys
import threading
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor

CONNECT_SECONDS = 2


def http_answer(url, contains=""):
    """The answer of a web server, when it has the wanted text."""
    with urllib.request.urlopen(url, timeout=CONNECT_SECONDS) as answer:
        text = answer.read().decode().strip()
    if contains not in text:
        raise ValueError(f"answered {text!r}, wanted {contains!r}")
    return f"answers {text}"


def no_way(host, port):
    """Nothing, when no connection comes about."""
    try:
        socket.create_connection((host, port), timeout=CONNECT_SECONDS).close()
    except TimeoutError:
        return "blocked"
    raise ValueError("was let in")


def resolved(name, address=""):
    """The addresses of a name, when the wanted one is among them."""
    found = sorted({entry[4][0] for entry in socket.getaddrinfo(name, None, proto=socket.IPPROTO_TCP)})
    if address and address not in found:
        raise ValueError(f"is {', '.join(found)}, wanted {address}")
    return ", ".join(found)


def signed(host, port, ca):
    """Who signed the server's certificate, when it is the CA and the certificate is this host's."""
    context = ssl.create_default_context(cadata=ca)
    with (
        socket.create_connection((host, port), timeout=CONNECT_SECONDS) as plain,
        context.wrap_socket(plain, server_hostname=host) as secure,
    ):
        certificate = secure.getpeercert()
    issuer = dict(pair[0] for pair in certificate["issuer"])
    return f"signed by {issuer.get('commonName')} until {certificate['notAfter']}"


KINDS = {"http": http_answer, "no_way": no_way, "dns": resolved, "tls": signed}


def made(probe, deadline):
    """The outcome of a probe, which is repeated until it succeeds or time is up: a pod or a rule may be seconds old."""
    began = time.monotonic()
    while True:
        try:
            detail, ok = KINDS[probe["kind"]](**probe["with"]), True
        except (OSError, ValueError) as error:
            detail, ok = str(error), False
        if ok or time.monotonic() > deadline:
            return {"ok": ok, "detail": detail, "seconds": round(time.monotonic() - began, 3)}
        time.sleep(0.3)


def probe(order):
    """Outcomes of all probes of an order, in order."""
    deadline = time.monotonic() + order["patience"]
    with ThreadPoolExecutor(len(order["probes"]) or 1) as pool:
        return list(pool.map(lambda item: made(item, deadline), order["probes"]))


def serve(name, *ports):
    """Answer on all ports, for ever."""

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(name.encode())

    for port in ports:
        threading.Thread(target=http.server.ThreadingHTTPServer(("", int(port)), Answer).serve_forever).start()


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve(*sys.argv[2:])
    else:
        print(json.dumps(probe(json.load(sys.stdin))))
