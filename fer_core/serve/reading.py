"""`POST /v1/read` and `/v1/read-batch`, as plain ASGI in front of everything else.

FastAPI describes them (`fer_core.serve.service`), but takes three times as long as all of this to find
a route and to join parameters, answers and errors.
"""

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, Final
from urllib.parse import parse_qs

from fastapi import HTTPException
from python_multipart.multipart import parse_options_header

from fer_core.errors import CheckpointError, FerError, MediaError
from fer_core.inference.pipeline import face_to_dict
from fer_core.serve.batching import Batcher, QueueFullError, ReadPicture
from fer_core.serve.guards import App, Receive, Scope, Send, send_json
from fer_core.serve.settings import ServeSettings

logger = logging.getLogger(__name__)

FORM: Final[str] = "multipart/form-data"
BODY_S: Final[float] = 30.0
"""A body must have arrived by then."""
LONGEST_NAME: Final[int] = 60
_PLAIN_NAME: Final[re.Pattern[bytes]] = re.compile(rb'form-data; name="pictures"; filename="([^"\\%]*)"')
_MOST_HEAD_BYTES: Final[int] = 8192
"""Of the head of one part of a form."""


class Reading:
    """Answers the two addresses, and hands everything else on."""

    def __init__(
        self, app: App, batcher: Batcher, settings: ServeSettings, model: str, detectors: tuple[str, ...]
    ) -> None:
        """Stand before `app`; the first of `detectors` is used where none is asked for."""
        self._app = app
        self._batcher = batcher
        self._settings = settings
        self._model = model
        self._detectors = detectors
        self._answers: dict[str, Callable[[Scope, Receive], Awaitable[dict[str, Any]]]] = {
            "/v1/read": self._read,
            "/v1/read-batch": self._read_batch,
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        is_ours = scope["type"] == "http" and scope["method"] == "POST" and scope["path"] in self._answers
        if not is_ours:
            await self._app(scope, receive, send)
            return
        status, headers = 200, dict[str, str]()
        try:
            answer = await self._answers[scope["path"]](scope, receive)
        except HTTPException as refused:
            status, answer = refused.status_code, {"detail": refused.detail}
            headers = dict(refused.headers or {})
        except FerError as error:
            status, answer = 500 if isinstance(error, CheckpointError) else 422, {"detail": str(error)}
        except Exception:  # whatever it is, who waits must hear of it
            logger.exception("a request failed")
            status, answer = 500, {"detail": "the service failed; its log says why"}
        await send_json(send, status, answer, headers)

    async def _read(self, scope: Scope, receive: Receive) -> dict[str, Any]:
        detector = self._find_detector(scope)
        if _kind_of(scope).partition(";")[0].strip().lower() == FORM:
            raise HTTPException(415, "expected the picture itself as the body; forms go to /v1/read-batch")
        with self._room_for(1):
            (found,) = await self._batcher.read([await self._receive(receive)], detector)
        if isinstance(found, MediaError):
            raise found
        return {"model": self._model, "detector": detector} | _describe(found)

    async def _read_batch(self, scope: Scope, receive: Receive) -> dict[str, Any]:
        detector = self._find_detector(scope)
        kind, options = parse_options_header(_kind_of(scope))
        if kind.lower() != FORM.encode():
            raise HTTPException(415, f"expected {FORM} with the pictures in the field `pictures`")
        with self._room_for(1):
            body = await self._receive(receive)
        uploads = read_form(body, options.get(b"boundary", b""), self._settings.max_pictures)
        with self._room_for(len(uploads)):
            results = await self._batcher.read([content for _, content in uploads], detector)
        items = [
            {"name": name, **({"error": str(found)} if isinstance(found, MediaError) else _describe(found))}
            for (name, _), found in zip(uploads, results, strict=True)
        ]
        return {"model": self._model, "detector": detector, "pictures": items}

    def _find_detector(self, scope: Scope) -> str:
        name = _read_query(scope["query_string"]) or self._detectors[0]
        if name not in self._detectors:
            shown = name if len(name) <= LONGEST_NAME else f"{name[:LONGEST_NAME]}..."
            raise HTTPException(
                422, f"query.detector is {shown!r}; expected one of {', '.join(self._detectors)}"
            )
        return name

    @contextmanager
    def _room_for(self, num_pictures: int) -> Iterator[None]:
        try:
            self._batcher.admit(num_pictures)
        except QueueFullError as cause:
            raise HTTPException(503, str(cause), {"Retry-After": "1"}) from cause
        try:
            yield
        finally:
            self._batcher.release(num_pictures)

    async def _receive(self, receive: Receive) -> bytes:
        """The body, no larger than allowed and no slower."""
        parts: list[bytes] = []
        num_bytes, is_whole = 0, False
        try:
            async with asyncio.timeout(BODY_S):
                while not is_whole:
                    message = await receive()
                    if message["type"] == "http.disconnect":  # nobody is left to read the answer
                        raise HTTPException(400, "the body ended early")
                    parts.append(message.get("body", b""))
                    num_bytes += len(parts[-1])
                    if num_bytes > self._settings.max_bytes:
                        raise HTTPException(413, f"expected at most {self._settings.max_bytes:,} bytes")
                    is_whole = not message.get("more_body", False)
        except TimeoutError as cause:
            raise HTTPException(408, f"the body did not arrive within {BODY_S:.0f} s") from cause
        return parts[0] if len(parts) == 1 else b"".join(parts)


def _kind_of(scope: Scope) -> str:
    """The header Content-Type."""
    found = (value for name, value in scope["headers"] if name == b"content-type")
    return str(next(found, b"").decode("latin-1"))


@lru_cache(maxsize=64)
def _read_query(query: bytes) -> str:
    """The detector that is asked for."""
    return parse_qs(query.decode("latin-1")).get("detector", [""])[-1]


def _describe(found: ReadPicture) -> dict[str, Any]:
    faces = [face_to_dict(face) for face in found.faces]
    return {
        "width_px": found.width_px,
        "height_px": found.height_px,
        "faces": faces,
        "notes": list(found.notes),
    }


def read_form(body: bytes, boundary: bytes, most: int) -> list[tuple[str, bytes]]:
    """Names and contents of the uploads of a form (RFC 7578), without a copy on a disk.

    Args:
        body: of the request.
        boundary: what separates its parts.
        most: uploads that are allowed.

    Raises:
        HTTPException: 400 if it is damaged or has too many, 422 if it holds something else than `pictures`.
    """
    first, *parts = (b"\r\n" + body).split(b"\r\n--" + boundary)
    ends = bool(parts) and parts[-1].startswith(b"--")
    is_whole = bool(boundary) and not first.strip() and (ends or not body)
    if not is_whole or len(parts) - 1 > most:
        words = "the form is damaged" if not is_whole else f"there are {len(parts) - 1} pictures"
        raise HTTPException(400, f"{words}; at most {most} pictures are taken")
    uploads = [_read_part(part, number) for number, part in enumerate(parts[:-1], start=1)]
    if not uploads:
        raise HTTPException(422, "expected files in the field `pictures` and nothing else")
    return uploads


def _read_part(part: bytes, number: int) -> tuple[str, bytes]:
    head, gap, content = part.partition(b"\r\n\r\n")
    if not gap or not head.startswith(b"\r\n") or len(head) > _MOST_HEAD_BYTES:
        raise HTTPException(400, f"part {number} of the form is damaged")
    lines = (line.partition(b":") for line in head[2:].split(b"\r\n"))
    about = next((value for name, _, value in lines if name.lower() == b"content-disposition"), b"")
    return _read_name(about.strip()).decode("utf-8", "replace") or f"picture {number}", content


def _read_name(about: bytes) -> bytes:
    """The file name of a part's Content-Disposition."""
    if found := _PLAIN_NAME.fullmatch(about):  # as nearly all clients write it
        return found[1]
    _, options = parse_options_header(about.decode("latin-1"))
    if options.get(b"name") != b"pictures" or b"filename" not in options:
        raise HTTPException(422, "expected files in the field `pictures` and nothing else")
    return options[b"filename"]
