"""Numbers as ids of vectors in faiss-service: `write`, `read`, `state`, `clean`.

Environment: URL, of the service that any member answers; WRITER, of the member that writes; START. What is there is read from a backup
of the writer, which names every id.
"""

import json
import os
import sys
import tarfile
import time
from io import BytesIO

import requests

PREFIX = "chaos-"
TIMEOUT = 3  # seconds
MOST = 1000  # ids of a request
session = requests.Session()


def call(method, where, path, body=None, timeout=TIMEOUT):
    """What is answered; the connection is left as soon as anything goes wrong with it.

    :raises requests.RequestException: it was not acknowledged.
    """
    try:
        answer = session.request(method, os.environ[where] + path, json=body, timeout=timeout)
        answer.raise_for_status()
    except requests.RequestException:
        session.close()
        raise
    return answer


def write():
    """Each number once; never ends by itself."""
    number, dimension = int(os.environ["START"]), None
    while True:
        try:
            dimension = dimension or call("GET", "URL", "/stats").json()["dimension"]
            vector = [(number >> place % 40) % 2 * 2 - 1 for place in range(dimension)]
            call("POST", "URL", "/add", {"vectors": [vector], "ids": [f"{PREFIX}{number}"]})
            print(number, f"{time.time():.3f}", flush=True)
        except requests.RequestException as error:
            print("error", f"{time.time():.3f}", str(error).replace("\n", " ")[:200], flush=True)
            time.sleep(0.2)
        number += dimension is not None
        time.sleep(float(os.environ.get("PAUSE", "0.05")))


def ids():
    """Of all vectors that were written here."""
    with tarfile.open(fileobj=BytesIO(call("GET", "WRITER", "/backup", timeout=60).content)) as backup:
        lines = backup.extractfile("items.jsonl").read().splitlines()
    found = [json.loads(line)[1] for line in lines]
    return [name for name in found if name.startswith(PREFIX)]


def read():
    for name in ids():
        print(name.removeprefix(PREFIX))


def state():
    """The writer; readers that are behind it are not ready, so it is whole when it answers."""
    said = call("GET", "WRITER", "/stats").json()
    print(json.dumps({"leader": "faiss-service-0", "whole": said["role"] == "writer", "why": f"{said['total_vectors']} vectors"}))


def clean():
    names = ids()
    for first in range(0, len(names), MOST):
        call("POST", "WRITER", "/delete", {"ids": names[first : first + MOST]}, timeout=30)


{"write": write, "read": read, "state": state, "clean": clean}[sys.argv[1]]()
