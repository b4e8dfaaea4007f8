"""Who may ask, how often and how much: checked before a byte of a body is read."""

import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from types import MappingProxyType
from typing import Any, Final

import msgspec

from fer_core.serve.metrics import Metrics
from fer_core.serve.settings import ServeSettings, hash_key, name_of_host

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Refusal = tuple[int, str, dict[str, str]]
"""Status, reason and headers."""
App = Callable[[Scope, Receive, Send], Awaitable[None]]

OPEN_PATHS: Final[frozenset[str]] = frozenset({"/health", "/ready"})
"""Answered without a key and without limit: whoever watches the service asks them."""
_MAX_CLIENTS: Final[int] = 10_000


class RateLimit:
    """A token bucket per client: `rate` requests a second in the long run, twice a second's worth at once."""

    def __init__(self, rate: float, clock: Callable[[], float] = time.monotonic) -> None:
        """Make it; a rate of 0 lets everything pass."""
        self._rate = rate
        self._burst = max(1.0, 2 * rate)
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, client: str) -> float:
        """Take one token: 0 if there was one, else the seconds until there is."""
        if not self._rate:
            return 0.0
        now = self._clock()
        tokens, before = self._buckets.pop(client, (self._burst, now))
        tokens = min(self._burst, tokens + (now - before) * self._rate)
        wait = max(0.0, (1 - tokens) / self._rate)
        self._buckets[client] = (tokens if wait else tokens - 1, now)
        if len(self._buckets) > _MAX_CLIENTS:
            self._buckets.popitem(last=False)
        return wait


class Guard:
    """ASGI middleware in front of everything."""

    def __init__(self, app: App, settings: ServeSettings, metrics: Metrics) -> None:
        """Wrap an application."""
        self._app = app
        self._settings = settings
        self._metrics = metrics
        self._host_names = settings.host_names
        self._limit = RateLimit(settings.rate)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check a request, answer it if it is refused, and count it."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        started, status = time.perf_counter(), 500
        if scope["type"] == "websocket":
            status = 101

        async def watch(message: MutableMapping[str, Any]) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        refusal = self._refuse(scope, headers)
        try:
            if refusal is None:
                await self._app(scope, receive, watch)
            elif scope["type"] == "websocket":
                status = refusal[0]
                await receive()
                await send({"type": "websocket.close", "code": 1008, "reason": refusal[1][:120]})
            else:
                status, detail, more = refusal
                await send_json(watch, status, {"detail": detail}, {"Connection": "close"} | more)
        finally:
            self._metrics.count(scope["path"], status, time.perf_counter() - started)

    def _refuse(self, scope: Scope, headers: dict[bytes, str]) -> Refusal | None:
        return self._refuse_place(headers) or (
            None if scope["path"] in OPEN_PATHS else self._refuse_client(scope, headers)
        )

    def _refuse_place(self, headers: dict[bytes, str]) -> Refusal | None:
        host = name_of_host(headers.get(b"host", ""))
        if host not in self._host_names:
            return 400, f"this service is not reached as {host!r}; --allowed-hosts names others", {}
        origin = headers.get(b"origin")
        if origin is not None and name_of_host(origin.partition("://")[2]) not in self._host_names:
            return 403, "pages of other sites may not call this service", {}
        return None

    def _refuse_client(self, scope: Scope, headers: dict[bytes, str]) -> Refusal | None:
        settings = self._settings
        key = read_key(headers)
        is_known = bool(key) and settings.knows_key(key)
        if settings.keys and scope["type"] == "http" and not is_known:
            return 401, "a key is needed: Authorization: Bearer KEY", {"WWW-Authenticate": "Bearer"}
        client = hash_key(key) if is_known else str((scope.get("client") or ("",))[0])
        if wait := self._limit.take(client):
            return 429, f"too many requests; try again in {wait:.1f} s", {"Retry-After": str(int(wait) + 1)}
        length = headers.get(b"content-length", "0")
        if length.isdecimal() and int(length) > settings.max_bytes:
            return 413, f"{int(length):,} bytes; expected at most {settings.max_bytes:,}", {}
        return None


def read_key(headers: dict[bytes, str]) -> str:
    """The key that a request brings; empty if none."""
    kind, _, key = headers.get(b"authorization", "").partition(" ")
    return key.strip() if kind.lower() == "bearer" else ""


async def send_json(
    send: Send, status: int, value: Any, headers: Mapping[str, str] = MappingProxyType({})
) -> None:
    """Answer with JSON."""
    body = msgspec.json.encode(value)
    known = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    more = [(name.lower().encode(), text.encode()) for name, text in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": known + more})
    await send({"type": "http.response.body", "body": body})
