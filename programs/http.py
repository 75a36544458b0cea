"""A server that speaks JSON over HTTP."""

from __future__ import annotations

from typing import Any

import requests

from programs.protocol import Refusal


class HttpError(Refusal):
    """The server refused, with what it said. `status` is HTTP's."""

    def __init__(self, text: str, status: int) -> None:
        super().__init__(text)
        self.status = status


FAULTS = (HttpError, requests.RequestException)  # what a server that just starts may answer


class Server:
    """The server at a URL; the site's CA comes in REQUESTS_CA_BUNDLE.

    :param auth: (user, password), for all requests that bring none of their own.
    :param cert: path of a client certificate with its key.
    :param timeout: seconds for a request.
    """

    def __init__(self, url: str, auth: tuple[str, str] | None = None, cert: str | None = None, timeout: float = 60) -> None:
        self.url, self.timeout, self.session = url, timeout, requests.Session()
        self.session.auth, self.session.cert = auth, cert

    def call(self, method: str, path: str, body: Any = None, timeout: float | None = None, **options: Any) -> Any:
        """The decoded answer, {} for an empty one.

        :param options: of requests, such as `params` and `auth`.
        :raises HttpError: the server refused.
        :raises requests.RequestException: there was no answer.
        """
        answer = self.session.request(method, self.url + path, json=body, timeout=timeout or self.timeout, **options)
        if not answer.ok:
            raise HttpError(f"{method} {path}: {answer.status_code} {answer.text.strip()[:800]}", answer.status_code)
        return answer.json() if answer.content else {}

    def find(self, path: str, **options: Any) -> Any:
        """The same for GET; None for what does not exist."""
        try:
            return self.call("GET", path, **options)
        except HttpError as error:
            if error.status == 404:
                return None
            raise
