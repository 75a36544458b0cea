"""Requests from a pod, by the standard library alone: several clients in turn send what they are told, for a bounded time.

Standard input is one line of JSON, {url, requests: [{method, path, body, headers}], clients, seconds, first}; a body is text, or {base64}.
`first`: the start of the line of an answer at which its first part counts as there. Standard output is one line of JSON, {seconds, whole,
first, errors}: how long it took, the seconds of each answer and until its first part, and how often what went wrong.
"""

import base64
import collections
import http.client
import itertools
import json
import sys
import threading
import time
import urllib.parse

PATIENCE = 120  # seconds


def client(order, turns, until, told):
    """Send one request after the other, over one connection."""
    where = urllib.parse.urlsplit(order["url"])
    link = http.client.HTTPConnection(where.hostname, where.port, timeout=PATIENCE)
    while time.monotonic() < until:
        request = next(turns)
        began = time.monotonic()
        try:
            link.request(request["method"], request["path"], request["body"], request["headers"])
            answer = link.getresponse()
            if order["first"]:
                mark = order["first"].encode()
                told["first"].extend([time.monotonic() - began for line in answer if line.startswith(mark)][:1])
            else:
                answer.read()
            if answer.status == 200:
                told["whole"].append(time.monotonic() - began)
            else:  # a refusal is quick, and no answer
                told["errors"][str(answer.status)] += 1
                time.sleep(0.2)
        except (OSError, http.client.HTTPException) as error:
            told["errors"][type(error).__name__] += 1
            link.close()
            time.sleep(0.2)


def main():
    """Entry point."""
    order = json.loads(sys.stdin.readline())
    for request in order["requests"]:
        body = request.get("body")
        request["body"] = base64.b64decode(body["base64"]) if isinstance(body, dict) else body
        request.setdefault("headers", {"Content-Type": "application/json"})
    told = {"whole": [], "first": [], "errors": collections.Counter()}
    turns = itertools.cycle(order["requests"])
    began = time.monotonic()
    threads = [threading.Thread(target=client, args=(order, turns, began + order["seconds"], told)) for _ in range(order["clients"])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(json.dumps({"seconds": time.monotonic() - began, **told}))


main()
