"""The gateway's API as a person's program uses it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import requests

INDEXED_SECONDS = 180  # until a document is found, on a crowded machine
REQUEST_SECONDS = 120

Event = tuple[str, dict[str, Any]]


class Gateway:
    """A user who is signed in.

    :param url: of the gateway.
    :raises requests.RequestException: nobody answers, or the password is wrong.
    """

    def __init__(self, url: str, user: str, password: str) -> None:
        self.url, self.session = f"{url}/api/v1", requests.Session()
        self.token = self.call("POST", "/auth/token", json={"username": user, "password": password})["access_token"]
        self.session.headers["Authorization"] = f"Bearer {self.token}"

    def send(self, method: str, path: str, **options: Any) -> requests.Response:
        """An answer that is none of an error. Raises HTTPError with what the gateway says of it."""
        answer = self.session.request(method, self.url + path, timeout=REQUEST_SECONDS, **options)
        if not answer.ok:
            raise requests.HTTPError(f"{method} {path}: {answer.status_code} {answer.text}", response=answer)
        return answer

    def call(self, method: str, path: str, **options: Any) -> Any:
        """The JSON of an answer."""
        return self.send(method, path, **options).json()

    def upload(self, path: Path) -> str:
        """Give it a document; its id once it is indexed.

        :raises RuntimeError: it was not indexed, with what the job says.
        """
        with path.open("rb") as file:
            taken = self.call("POST", "/documents", files={"file": (path.name, file, "text/markdown")}, data={"title": path.stem})
        deadline = time.monotonic() + INDEXED_SECONDS
        while (job := self.call("GET", f"/jobs/{taken['job_id']}"))["status"] != "done":
            if job["status"] == "failed" or time.monotonic() > deadline:
                raise RuntimeError(f"{path.name}: {json.dumps(job)}")
            time.sleep(0.5)
        return taken["document_id"]

    def ask(self, question: str) -> Iterator[Event]:
        """Events of an answer as they come: (name, data).

        :raises RuntimeError: it ends with an error.
        """
        name, words = "", {"query": question, "top_k": 3}
        with self.send("POST", "/chat/stream", json=words, stream=True) as answer:
            for line in answer.iter_lines(decode_unicode=True):
                kind, _, value = line.partition(": ")
                if kind == "event":
                    name = value
                elif kind == "data":
                    if name == "error":
                        raise RuntimeError(f"{question} {value}")
                    yield name, json.loads(value)
