"""`fer serve`: pictures in, JSON out, over HTTP."""

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

from tyro.conf import arg

from fer_core.cli.terminal import describe_detectors, pick_detector, say
from fer_core.inference.predictor import Runtime
from fer_core.workspace import Workspace


def main(  # noqa: PLR0913 - the command's options
    *,
    host: str = "127.0.0.1",
    port: int = 8600,
    model: str | None = None,
    detector: Annotated[str | None, arg(help=describe_detectors)] = None,
    prior: str = "general",
    runtime: Runtime = "auto",
    device: str = "auto",
    key_file: Path | None = None,
    allowed_hosts: tuple[str, ...] = (),
    rate: float = 0.0,
    max_megabytes: float = 16.0,
    max_megapixels: float = 32.0,
    max_pictures: int = 64,
    max_waiting: int = 128,
    max_streams: int = 4,
    threads: int = 0,
    processes: int = 1,
) -> int:
    """Serve a model over HTTP: pictures in, JSON out. It listens on this machine only; Ctrl-C ends it.

    docs/SERVE.md has the addresses; /openapi.json describes them. No picture is stored, and nobody is logged.

    Args:
        host: Address to listen on; another one than this machine's needs keys.
        port: Port to listen on; 0 takes a free one.
        model: A shipped checkpoint's name, a run's name, a folder, or an exported .onnx file; the shipped
            default, if not given.
        detector: Face detector; the best that is installed, if not given.
        prior: How often each class is expected: general, training, uniform, halfway, or a share for every
            class, such as neutral=5,happiness=2 and so on.
        runtime: torch or onnx; auto takes the exported and checked ONNX file on a CPU, which is faster.
        device: Where to compute: auto, cpu, cuda, or tensorrt (ONNX only).
        key_file: File of keys, one a line, one of which every request must bring; so does the environment
            variable FER_SERVE_KEYS, with commas between them.
        allowed_hosts: Names, beside those of this machine, under which it is reached.
        rate: Requests a second that one client may send in the long run; 0 is unlimited.
        max_megabytes: Size of a request.
        max_megapixels: Size of a picture.
        max_pictures: Pictures in a batch.
        max_waiting: Pictures that wait or are worked on; more are refused with 503.
        max_streams: WebSocket streams at a time.
        threads: Batches of pictures read at a time by each process; 0 divides the cores of this machine.
        processes: As many share the port, each with a model of its own; one a core answers the most requests.
    """
    from fer_core.serve.settings import ServeSettings, read_keys

    settings = ServeSettings(
        host=host,
        port=port,
        allowed_hosts=allowed_hosts,
        keys=read_keys(key_file),
        max_megabytes=max_megabytes,
        max_megapixels=max_megapixels,
        max_pictures=max_pictures,
        max_waiting=max_waiting,
        max_streams=max_streams,
        rate=rate,
        threads=threads,
        processes=processes,
    )
    for name in ("fastapi", "uvicorn", "prometheus_client", "python_multipart"):
        if find_spec(name) is None:
            raise ModuleNotFoundError(f"the service needs {name}", name=name)
    from fer_core.checkpoint import default_checkpoint
    from fer_core.serve.engine import EngineSpec, ServeEngine
    from fer_core.serve.server import run_server

    workspace = Workspace.default()
    spec = EngineSpec(
        model=model or default_checkpoint(workspace).key,
        detector=pick_detector(detector, workspace),
        prior=prior,
        runtime=runtime,
        device=device,
        workspace=workspace,
    )

    def announce(address: str, engine: ServeEngine) -> None:
        found = engine.predictor
        names = f"model {found.info.name} ({found.runtime}), detector {engine.detector}"
        say(f"serving at {address}: {names}", flush=True)

    run_server(spec, settings, announce)
    return 0
