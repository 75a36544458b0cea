"""Documents given to the gateway by a client that asks again until each is taken: `write`, `read`, `clean`.

Environment: URL, USER, PASSWORD, START. `write` prints `N time` for a document that was taken and `error time reason` for an attempt that
failed; `read` prints the number of each document that is indexed.
"""

import json
import os
import sys
import time
import urllib.request

PATIENCE = 30  # seconds that an answer may take
TITLE = "lost-and-found"
token = ""


def call(method, path, body=None):
    """What is answered. Raises OSError where it is no good answer."""
    global token
    if not token and path != "/auth/token":
        token = call("POST", "/auth/token", {"username": os.environ["USER"], "password": os.environ["PASSWORD"]})["access_token"]
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
    request = urllib.request.Request(os.environ["URL"] + path, body and json.dumps(body).encode(), headers, method=method)
    with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
        text = answer.read()
    return json.loads(text) if text else None


def write():
    """One document after the other, never the next one before the last one is taken."""
    number = int(os.environ["START"])
    while True:
        try:
            call("POST", "/documents", {"title": f"{TITLE} {number}", "text": f"The number of this document is {number}."})
            print(number, f"{time.time():.3f}", flush=True)
            number += 1
        except OSError as error:
            print("error", f"{time.time():.3f}", str(error)[:200], flush=True)
        time.sleep(1)


def held():
    """Documents that were written here: number, id, state."""
    path = "/documents?limit=100"
    while True:
        page = call("GET", path)
        for document in page["documents"]:
            if document["title"].startswith(TITLE):
                yield int(document["title"].rpartition(" ")[2]), document["id"], document["status"]
        if not page["next"]:
            return
        path = f"/documents?limit=100&cursor={page['next']}"


def read():
    for number, _, status in held():
        if status == "ready":
            print(number)


def clean():
    for _, name, _ in list(held()):
        call("DELETE", f"/documents/{name}")


{"write": write, "read": read, "clean": clean}[sys.argv[1]]()
