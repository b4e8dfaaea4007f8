"""The application: routes, and what each answers. `fer_core.serve.guards` stands before it."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Annotated, Any, Final, Protocol

import msgspec
from fastapi import FastAPI, HTTPException, Query, Request, WebSocket, WebSocketDisconnect
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from python_multipart.multipart import parse_options_header
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect

from fer_core import __version__
from fer_core.errors import CheckpointError, FerError, MediaError
from fer_core.images import load_image
from fer_core.inference.interfaces import FaceDetector, Predictor
from fer_core.inference.pipeline import face_to_dict
from fer_core.inference.stream import FaceStream
from fer_core.serve.batching import Batcher, QueueFullError, ReadPicture, count_threads
from fer_core.serve.guards import Guard, read_key
from fer_core.serve.metrics import Metrics
from fer_core.serve.schemas import BatchAnswer, ModelAnswer, Problem, ReadAnswer, State
from fer_core.serve.settings import ServeSettings

_BODY_S: Final[float] = 30.0
"""A body must have arrived by then."""
_KEY_S: Final[float] = 10.0
"""So must the key of a stream that brought none in its header."""
_LONGEST_NAME: Final[int] = 60
_FORM: Final[str] = "multipart/form-data"
_PROBLEMS: Final[dict[int | str, dict[str, Any]]] = {
    status: {"model": Problem, "description": words}
    for status, words in {
        400: "Not addressed or framed as it should be",
        401: "No key, or a wrong one",
        403: "From a page of another site",
        408: "The body did not arrive in time",
        413: "Too large",
        415: "Not the right kind of body",
        422: "No picture that can be read, or an unknown detector",
        429: "Too many requests of this client",
        503: "Too many pictures wait",
    }.items()
}
_BINARY: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {
            kind: {"schema": {"type": "string", "format": "binary"}}
            for kind in ("image/jpeg", "image/png", "image/webp", "application/octet-stream")
        },
    }
}
_UPLOADS: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {
            _FORM: {
                "schema": {
                    "type": "object",
                    "required": ["pictures"],
                    "additionalProperties": False,
                    "properties": {
                        "pictures": {
                            "type": "array",
                            "items": {"type": "string", "format": "binary"},
                            "minItems": 1,
                        }
                    },
                }
            }
        },
    }
}


class Engine(Protocol):
    """What the service computes with: a model, and the detectors that find faces for it."""

    @property
    def predictor(self) -> Predictor:
        """The model."""

    @property
    def detector(self) -> str:
        """Name of the detector where none is asked for."""

    @property
    def detectors(self) -> tuple[str, ...]:
        """Names of those that may be asked for."""

    def build_detector(self, name: str, *, is_stream: bool = False) -> FaceDetector:
        """Make a detector, which serves one thread."""


class _Service:
    """What the routes share."""

    def __init__(self, engine: Engine, settings: ServeSettings, metrics: Metrics) -> None:
        self.engine = engine
        self.settings = settings
        self.metrics = metrics
        self.batcher = Batcher(
            engine.predictor,
            engine.build_detector,
            num_threads=count_threads(settings.threads),
            max_waiting=settings.max_waiting,
            max_pixels=settings.max_pixels,
            on_batch=metrics.count_batch,
        )
        metrics.watch(lambda: self.batcher.num_admitted)
        self.num_streams = 0

    def check_detector(self, name: str) -> str:
        name = name or self.engine.detector
        if name not in self.engine.detectors:
            raise HTTPException(422, f"detector {name!r}: expected one of {', '.join(self.engine.detectors)}")
        return name

    @contextmanager
    def room_for(self, num_pictures: int) -> Iterator[None]:
        try:
            self.batcher.admit(num_pictures)
        except QueueFullError as cause:
            raise HTTPException(503, str(cause), {"Retry-After": "1"}) from cause
        try:
            yield
        finally:
            self.batcher.release(num_pictures)

    @contextmanager
    def count_stream(self) -> Iterator[None]:
        self.num_streams += 1
        self.metrics.streams.inc()
        try:
            yield
        finally:
            self.num_streams -= 1
            self.metrics.streams.dec()

    async def receive(self, request: Request) -> bytes:
        """The body, no larger than allowed and no slower."""
        parts: list[bytes] = []
        num_bytes = 0
        try:
            async with asyncio.timeout(_BODY_S):
                async for part in request.stream():
                    num_bytes += len(part)
                    if num_bytes > self.settings.max_bytes:
                        raise HTTPException(413, f"expected at most {self.settings.max_bytes:,} bytes")
                    parts.append(part)
        except ClientDisconnect as cause:  # nobody is left to read the answer; it is no error of ours
            raise HTTPException(400, "the body ended early") from cause
        except TimeoutError as cause:
            raise HTTPException(408, f"the body did not arrive within {_BODY_S:.0f} s") from cause
        return parts[0] if len(parts) == 1 else b"".join(parts)


def build_app(engine: Engine, settings: ServeSettings) -> Guard:
    """The service as an ASGI application.

    Args:
        engine: what it computes with.
        settings: limits and keys.
    """
    metrics = Metrics()
    service = _Service(engine, settings, metrics)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        service.batcher.start()
        yield
        await asyncio.to_thread(service.batcher.close)

    # No pages of documentation: they load scripts from elsewhere. /openapi.json describes everything.
    app = FastAPI(
        title="FER workbench", version=__version__, docs_url=None, redoc_url=None, lifespan=lifespan,
        description="Apparent facial expressions: pictures in, JSON out.",
    )  # fmt: skip
    _add_errors(app)
    _add_state(app, service)
    _add_reading(app, service)
    _add_stream(app, service)
    return Guard(app, settings, metrics)


def _add_errors(app: FastAPI) -> None:
    @app.exception_handler(RequestValidationError)
    async def tell_validation(_request: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        return JSONResponse({"detail": f"{place}: {first['msg']}"}, 422)

    @app.exception_handler(FerError)
    async def tell_fer(_request: Request, error: FerError) -> JSONResponse:
        return JSONResponse({"detail": str(error)}, 500 if isinstance(error, CheckpointError) else 422)

    @app.exception_handler(Exception)
    async def tell_failure(_request: Request, _error: Exception) -> JSONResponse:
        return JSONResponse({"detail": "the service failed; its log says why"}, 500)


def _add_state(app: FastAPI, service: _Service) -> None:
    engine = service.engine

    @app.get("/health", response_model=State, summary="Whether the process lives")
    async def health() -> Response:
        return JSONResponse({"status": "ok"})

    @app.get(
        "/ready",
        response_model=State,
        summary="Whether pictures are taken",
        responses={503: {"model": State}},
    )
    async def ready() -> Response:
        is_full = service.batcher.num_admitted >= service.settings.max_waiting
        is_ready = service.batcher.is_alive and not is_full
        return JSONResponse({"status": "ready" if is_ready else "busy"}, 200 if is_ready else 503)

    guarded: dict[int | str, dict[str, Any]] = {
        status: _PROBLEMS[status] for status in (400, 401, 403, 413, 429)
    }

    @app.get("/metrics", summary="For Prometheus", response_class=Response, responses=guarded)
    async def show_metrics() -> Response:
        return Response(service.metrics.render(), media_type="text/plain; version=0.0.4")

    @app.get("/v1/model", response_model=ModelAnswer, summary="What reads the faces", responses=guarded)
    async def show_model() -> Response:
        info = engine.predictor.info
        return JSONResponse(
            {
                "name": info.name,
                "classes": list(info.classes),
                "runtime": engine.predictor.runtime,
                "detectors": list(engine.detectors),
                "version": __version__,
            }
        )


def _add_reading(app: FastAPI, service: _Service) -> None:
    detector_query = Query(
        description="Face detector; `whole-image` for pictures that are cropped to one face.",
        max_length=_LONGEST_NAME,
        json_schema_extra={"enum": ["", *service.engine.detectors]},
    )
    names = {"model": service.engine.predictor.info.name}

    @app.post(
        "/v1/read", response_model=ReadAnswer, responses=_PROBLEMS, openapi_extra=_BINARY,
        summary="The faces of one picture",
    )  # fmt: skip
    async def read(request: Request, detector: Annotated[str, detector_query] = "") -> Response:
        detector = service.check_detector(detector)
        if _kind_of(request) == _FORM:
            raise HTTPException(415, "expected the picture itself as the body; forms go to /v1/read-batch")
        with service.room_for(1):
            (found,) = await service.batcher.read([await service.receive(request)], detector)
        if isinstance(found, MediaError):
            raise found
        return _encode(names | {"detector": detector} | _describe(found))

    @app.post(
        "/v1/read-batch", response_model=BatchAnswer, responses=_PROBLEMS, openapi_extra=_UPLOADS,
        summary="The faces of several pictures",
    )  # fmt: skip
    async def read_batch(request: Request, detector: Annotated[str, detector_query] = "") -> Response:
        detector = service.check_detector(detector)
        if _kind_of(request) != _FORM:
            raise HTTPException(415, f"expected {_FORM} with the pictures in the field `pictures`")
        with service.room_for(1):
            uploads = await _read_form(request, service)
        with service.room_for(len(uploads)):
            results = await service.batcher.read([content for _, content in uploads], detector)
        items = [
            {"name": name, "error": str(found)}
            if isinstance(found, MediaError)
            else {"name": name, **_describe(found)}
            for (name, _), found in zip(uploads, results, strict=True)
        ]
        return _encode(names | {"detector": detector, "pictures": items})


async def _read_form(request: Request, service: _Service) -> list[tuple[str, bytes]]:
    """Names and contents of the uploads of a form."""
    body = await service.receive(request)

    async def replay() -> AsyncGenerator[bytes, None]:
        yield body
        yield b""

    most = service.settings.max_pictures
    try:
        parser = MultiPartParser(request.headers, replay(), max_files=most, max_fields=most)
        parser.spool_max_size = service.settings.max_bytes  # no picture goes to a disk
        form = await parser.parse()
        files = [item for item in form.getlist("pictures") if isinstance(item, UploadFile)]
        if not files or len(files) < len(form.multi_items()):
            raise HTTPException(422, "expected files in the field `pictures` and nothing else")
        return [
            (item.filename or f"picture {number}", await item.read()) for number, item in enumerate(files)
        ]
    except (MultiPartException, KeyError, ValueError) as cause:
        words = getattr(cause, "message", None) or "the form is damaged"
        raise HTTPException(400, f"{words}; at most {most} pictures are taken") from cause


def _kind_of(request: Request) -> str:
    kind, _ = parse_options_header(request.headers.get("content-type", ""))
    return kind.decode("latin-1").lower()


def _describe(found: ReadPicture) -> dict[str, Any]:
    faces = [face_to_dict(face) for face in found.faces]
    return {"width_px": found.width_px, "height_px": found.height_px, "faces": faces}


def _encode(value: Any) -> Response:
    return Response(msgspec.json.encode(value), media_type="application/json")


def _add_stream(app: FastAPI, service: _Service) -> None:
    settings = service.settings

    @app.websocket("/v1/stream")
    async def stream(socket: WebSocket, detector: str = "") -> None:
        """Frames in, one message each; for each a result, in order, with faces that are followed."""
        try:
            await socket.accept()
            if not await _is_admitted(socket, settings):  # who has no key takes nobody's place
                await socket.close(1008, "a key is needed: the Authorization header, or the first message")
            elif service.num_streams >= settings.max_streams:
                await socket.close(1013, f"{service.num_streams} streams are open; try again later")
            else:
                with service.count_stream():
                    await _serve_stream(socket, service, detector)
        except WebSocketDisconnect:
            return


async def _is_admitted(socket: WebSocket, settings: ServeSettings) -> bool:
    """Whether a client brought a key, if one is needed: in its header, or as its first message."""
    if not settings.keys or settings.knows_key(read_key(dict(_headers_of(socket)))):
        return True
    try:
        async with asyncio.timeout(_KEY_S):
            first = await socket.receive()
    except TimeoutError:
        return False
    if first["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(first.get("code", 1000))
    return settings.knows_key(str(first.get("text") or ""))


async def _serve_stream(socket: WebSocket, service: _Service, detector: str) -> None:
    settings, engine = service.settings, service.engine
    name = detector or engine.detector
    if name not in engine.detectors:
        await socket.close(1008, f"detector: expected one of {', '.join(engine.detectors)}")
        return
    faces = FaceStream(engine.build_detector(name, is_stream=True), engine.predictor)
    started = time.monotonic()

    def step(content: bytes, time_s: float) -> dict[str, Any]:
        image = load_image(content, max_pixels=settings.max_pixels)
        result = faces.step(image, time_s)
        found = [{"track_id": face.track_id, **face_to_dict(face)} for face in result.faces]
        return {"time_s": round(time_s, 3), "faces": found}

    while True:
        message = await socket.receive()
        if message["type"] == "websocket.disconnect":
            return
        content = message.get("bytes")
        try:
            if content is None:
                raise MediaError("a frame is a binary message: an encoded picture")
            answer = await asyncio.to_thread(step, content, time.monotonic() - started)
        except FerError as error:
            answer = {"error": str(error)}
        await socket.send_text(msgspec.json.encode(answer).decode())


def _headers_of(socket: WebSocket) -> list[tuple[bytes, str]]:
    return [(name, value.decode("latin-1")) for name, value in socket.scope["headers"]]
