"""What happens around every request: its limits, its metrics and its line in the log."""

from __future__ import annotations

import asyncio
import logging
import time

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from . import metrics
from .errors import ApiError, error_body

_log = logging.getLogger("voicehelper.access")
QUIET = frozenset({"/health", "/ready", "/metrics"})  # asked every few seconds: logged only where they fail
GONE = 499  # counted and logged where the client went before its request was whole: nobody is told
METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"})


class Around:
    """ASGI middleware: limits of size and time, metrics by route template, access log, JSON 500 for what was not foreseen."""

    def __init__(self, app: ASGIApp, max_request_bytes: int, request_timeout: float, unlimited: frozenset[str]) -> None:
        self._app, self._unlimited = app, unlimited
        self._max_request_bytes = max_request_bytes
        self._request_timeout = request_timeout

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request or WebSocket."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        method = scope.get("method", "WEBSOCKET")
        if scope["type"] == "http" and method not in METHODS:
            method = "OTHER"
        began = time.perf_counter()
        metrics.in_flight.inc()
        most, timeout = (None, None) if scope["path"] in self._unlimited else (self._max_request_bytes, self._request_timeout)
        exchange = _Exchange(most, timeout, receive, send)
        try:
            if scope["type"] == "http":
                await self._serve(exchange, scope)
            else:
                await self._app(scope, receive, exchange.send)
        finally:
            metrics.in_flight.dec()
            seconds = time.perf_counter() - began
            route = route_of(scope)
            metrics.requests.labels(method, route, exchange.status).inc()
            metrics.latency.labels(method, route).observe(seconds)
            level = logging.INFO if route not in QUIET or exchange.status >= 500 else logging.DEBUG
            fields = {"method": method, "route": route, "status": exchange.status, "duration_ms": round(seconds * 1000, 2)}
            _log.log(level, "%s %s %s", method, route, exchange.status, extra=fields)

    async def _serve(self, exchange: _Exchange, scope: Scope) -> None:
        headers = Headers(scope=scope)
        length = headers.get("content-length", "0")
        exchange.complete = length == "0" and "transfer-encoding" not in headers
        try:
            if exchange.most is not None and length.isdecimal() and int(length) > exchange.most:
                await exchange.refuse(scope, 413, too_large(f"{length} bytes", exchange.most))
                return
            async with asyncio.timeout(exchange.timeout) as exchange.deadline:
                await self._app(scope, exchange.receive, exchange.send)
        except TimeoutError:
            if exchange.deadline is None or not exchange.deadline.expired():
                await self._unforeseen(exchange, scope)
            elif exchange.complete:
                wanted = f"an answer within {exchange.timeout:g} s"
                await exchange.refuse(scope, 504, error_body("request", "no answer in time", wanted))
            else:
                wanted = f"the whole request within {exchange.timeout:g} s"
                await exchange.refuse(scope, 408, error_body("body", "an unfinished request", wanted))
        except ClientDisconnect:
            exchange.status = exchange.status or GONE
        except Exception:
            await self._unforeseen(exchange, scope)

    @staticmethod
    async def _unforeseen(exchange: _Exchange, scope: Scope) -> None:
        logging.getLogger("voicehelper").exception("A request failed in a way that was not foreseen")
        if exchange.status:  # the answer has begun: a cut connection tells the client, an end as if all were well would not
            raise
        await exchange.refuse(scope, 500, error_body("service", "a failure of its own", "another try later"))


class _Exchange:
    """One request and its answer as they pass: how much came, whether all of it did, what status went."""

    def __init__(self, most: int | None, timeout: float | None, receive: Receive, send: Send) -> None:
        self.most, self.timeout = most, timeout  # bytes, seconds
        self.status = 0
        self.complete = False
        self.cut = False  # the client went in the middle of its request
        self.deadline: asyncio.Timeout | None = None
        self._bytes = 0
        self._receive, self._send = receive, send

    async def receive(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.request":
            self._bytes += len(message.get("body", b""))
            if self.most is not None and self._bytes > self.most:
                error = too_large(f"more than {self.most} bytes", self.most)["error"]
                raise ApiError(413, error["field"], error["found"], error["wanted"])
            self.complete = not message.get("more_body", False)
        elif message["type"] == "http.disconnect" and not self.complete and not self.status:
            self.cut = True
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = GONE if self.cut else message["status"]
            if self.deadline is not None:
                self.deadline.reschedule(None)  # a stream may go on for longer than its first byte takes
        elif message["type"] == "websocket.accept":
            self.status = 101
        elif message["type"] == "websocket.close" and not self.status:
            self.status = 403
        await self._send(message)

    async def refuse(self, scope: Scope, status: int, body: dict[str, dict[str, str]]) -> None:
        self.deadline = None  # over, one way or the other
        await JSONResponse(body, status, {"Connection": "close"})(scope, self._receive, self.send)


def too_large(found: str, max_bytes: int) -> dict[str, dict[str, str]]:
    """The body of a 413."""
    return error_body("body", found, f"at most {max_bytes} bytes")


def route_of(scope: Scope) -> str:
    """The template of the route that served a request; `unmatched` for what no route took."""
    return getattr(scope.get("route"), "path", None) or "unmatched"
