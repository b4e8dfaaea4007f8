"""The application: routes, and what each answers. `fer_core.serve.guards` stands before it."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Annotated, Any, Final, Protocol

import msgspec
from fastapi import FastAPI, Query, Request, WebSocket, WebSocketDisconnect
from fastapi.responses import JSONResponse, Response

from fer_core import __version__
from fer_core.errors import FerError, MediaError
from fer_core.images import describe_rest, load_image
from fer_core.inference.interfaces import FaceDetector, Predictor
from fer_core.inference.pipeline import face_to_dict
from fer_core.inference.stream import FaceStream
from fer_core.serve.batching import Batcher, count_threads
from fer_core.serve.guards import Guard, read_key
from fer_core.serve.metrics import Metrics
from fer_core.serve.reading import FORM, LONGEST_NAME, Reading
from fer_core.serve.schemas import BatchAnswer, ModelAnswer, Problem, ReadAnswer, State
from fer_core.serve.settings import ServeSettings

_KEY_S: Final[float] = 10.0
"""The key of a stream that brought none in its header must have arrived by then."""
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
            FORM: {
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
            on_waiting=metrics.waiting.inc,
        )
        self.num_streams = 0

    @contextmanager
    def count_stream(self) -> Iterator[None]:
        self.num_streams += 1
        self.metrics.streams.inc()
        try:
            yield
        finally:
            self.num_streams -= 1
            self.metrics.streams.dec()


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
    app.add_exception_handler(Exception, _tell_failure)
    _add_state(app, service)
    _describe_reading(app, service)
    _add_stream(app, service)
    reading = Reading(app, service.batcher, settings, engine.predictor.info.name, engine.detectors)
    return Guard(reading, settings, metrics)


async def _tell_failure(_request: Request, _error: Exception) -> JSONResponse:
    return JSONResponse({"detail": "the service failed; its log says why"}, 500)


def _add_state(app: FastAPI, service: _Service) -> None:
    engine = service.engine

    @app.head("/health", include_in_schema=False)
    @app.get("/health", response_model=State, summary="Whether the process lives")
    async def health() -> Response:
        return JSONResponse({"status": "ok"})

    @app.head("/ready", include_in_schema=False)
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


def _describe_reading(app: FastAPI, service: _Service) -> None:
    detector_query = Query(
        description="Face detector; `whole-image` for pictures that are cropped to one face.",
        max_length=LONGEST_NAME,
        json_schema_extra={"enum": ["", *service.engine.detectors]},
    )

    @app.post(
        "/v1/read", response_model=ReadAnswer, responses=_PROBLEMS, openapi_extra=_BINARY,
        summary="The faces of one picture",
    )  # fmt: skip
    async def read(detector: Annotated[str, detector_query] = "") -> None:
        """Described here; `Reading`, which stands before this, answers."""

    @app.post(
        "/v1/read-batch", response_model=BatchAnswer, responses=_PROBLEMS, openapi_extra=_UPLOADS,
        summary="The faces of several pictures",
    )  # fmt: skip
    async def read_batch(detector: Annotated[str, detector_query] = "") -> None:
        """Described here; `Reading` answers."""


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
        notes = [note] if (note := describe_rest(content)) else []
        return {"time_s": round(time_s, 3), "faces": found, "notes": notes}

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
