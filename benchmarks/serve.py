"""How fast `fer serve` is beside bare onnxruntime on the same crops, its memory, and what it refuses.

    python benchmarks/serve.py [--seconds 60] [--malformed 10000]        # needs wrk (`apt-get install wrk`)

Crops are PNG files of 48 x 48 px, one or 8 a request. Bare onnxruntime computes the same crops, decoded
before, in batches of 16 by as many threads. Service and bare runs take turns, so that other work on the
machine meets both. Seconds of processor time hold on a busy machine, too. wrk, the client, takes the
same cores: its processor time is told. Percentiles are medians of the rounds'.
"""

import io
import itertools
import random
import re
import resource
import statistics
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np
import psutil
import tyro
from PIL import Image

from fer_core.inference.onnx_predictor import OnnxPredictor
from fer_core.inference.sample import load_sample
from fer_core.inference.threads import limit_threads
from fer_core.machine import count_cores
from fer_core.words import count
from fer_core.workspace import PROJECT_ROOT

sys.path.insert(0, str(PROJECT_ROOT))

from tests.integration.test_cli_serve import MALFORMED, send_raw, serving, spoil

NUM_CROPS = 64
BATCH = 16
ROUND_S = 5.0


def main(
    seconds: float = 60.0,
    clients: tuple[int, ...] = (1, 8, 64),
    per_request: tuple[int, ...] = (1, 8),
    malformed: int = 10_000,
    model: str = "fer-small",
    processes: int = 1,
) -> None:
    """Measure and print.

    Args:
        seconds: For each number of clients, in rounds of five; the bare runs take as long.
        clients: Numbers of connections.
        per_request: Crops in a request.
        malformed: Requests with something wrong.
        model: Shipped model.
        processes: Of the service.
    """
    crops = make_crops()
    limit_threads(1)
    predictor = OnnxPredictor(PROJECT_ROOT / "checkpoints" / model / "model-fp32.onnx", device="cpu")
    with (
        TemporaryDirectory() as folder,
        serving(
            Path(folder), model=model, words=("--max-waiting", "4096", "--processes", str(processes))
        ) as (process, port),
    ):
        service = psutil.Process(process.pid)
        shape = count(processes, "process", "processes")
        print(f"{count_cores()} cores, load {psutil.getloadavg()[0]:.1f}; {model}, {shape}")
        for number, num_clients in itertools.product(per_request, clients):
            request = build_request(crops, number)
            compare(service, port, predictor, crops, request, number, num_clients, seconds)
        statuses = send_malformed(port, malformed)
        print(f"malformed: {dict(sorted(statuses.items(), key=str))}; memory {memory_mb(service):.0f} MB")


class Load(NamedTuple):
    """What one round gave."""

    rate: float
    """Requests a second."""
    number: int
    p50_ms: float
    p99_ms: float
    client_s: float
    """Processor time of wrk a request."""


def make_crops() -> np.ndarray:
    """Crops of the sample's face, each a little elsewhere: N x 48 x 48."""
    grey = Image.fromarray(load_sample()).convert("L")
    rng = np.random.default_rng(0)
    corners = rng.integers(-12, 12, (NUM_CROPS, 2)) + np.array([170, 60])
    boxes = [(int(x), int(y), int(x) + 110, int(y) + 110) for x, y in corners]
    return np.stack([np.asarray(grey.crop(box).resize((48, 48))) for box in boxes])


def build_request(crops: np.ndarray, number: int) -> list[bytes]:
    """Requests of `number` crops each, as they go over the wire."""
    files = []
    for crop in crops:
        stream = io.BytesIO()
        Image.fromarray(crop).save(stream, "PNG", compress_level=1)
        files.append(stream.getvalue())
    lines = (
        b"POST /v1/%s?detector=whole-image HTTP/1.1",
        b"Host: localhost",
        b"Content-Type: %s",
        b"Content-Length: %d",
    )
    head = b"\r\n".join(lines) + b"\r\n\r\n"
    if number == 1:
        return [head % (b"read", b"image/png", len(file)) + file for file in files]
    part = b'--x\r\nContent-Disposition: form-data; name="pictures"; filename="%d.png"\r\n\r\n%s\r\n'
    body = b"".join(part % (index, files[index % len(files)]) for index in range(number)) + b"--x--\r\n"
    return [head % (b"read-batch", b"multipart/form-data; boundary=x", len(body)) + body]


def compare(
    service: psutil.Process,
    port: int,
    predictor: OnnxPredictor,
    crops: np.ndarray,
    requests: list[bytes],
    number: int,
    num_clients: int,
    seconds: float,
) -> None:
    """One row: the service and the bare runtime in turns."""
    loads, bare, costs = [], [], []
    before = memory_mb(service)
    for _ in range(max(1, round(seconds / ROUND_S))):
        bare.append(run_bare(predictor, crops, min(seconds, ROUND_S)))
        used, computed = cpu_s(service), count_pictures(port)
        load = run_clients(port, requests, num_clients, min(seconds, ROUND_S))
        computed = count_pictures(port) - computed  # those too whose clients left at the end of the round
        costs.append((cpu_s(service) - used) / max(1, computed))
        loads.append(load)
    rate = number * statistics.median(load.rate for load in loads)
    p50_ms, p99_ms, client_s = (
        statistics.median(getattr(load, name) for load in loads) for name in ("p50_ms", "p99_ms", "client_s")
    )
    cost, client_ms = statistics.median(costs), client_s / number * 1e3
    bare_rate, bare_cost = (statistics.median(row) for row in zip(*bare, strict=True))
    print(
        f"{number:>3} a request, {num_clients:>3} clients: {rate / number:6.0f} requests/s, "
        f"{rate:6.0f} crops/s, "
        f"p50 {p50_ms:6.1f} ms, p99 {p99_ms:6.1f} ms, "
        f"{cost * 1e3:.2f} ms CPU a crop (client {client_ms:.2f}) | "
        f"bare {bare_rate:6.0f} crops/s, {bare_cost * 1e3:.2f} ms CPU | "
        f"ratio {rate / bare_rate:.2f} wall, {bare_cost / cost:.2f} CPU | "
        f"memory {before:.0f} to {memory_mb(service):.0f} MB",
        flush=True,
    )


def count_pictures(port: int) -> int:
    """How many the service has read, once none waits."""
    while True:
        with urllib.request.urlopen(f"http://localhost:{port}/metrics", timeout=120) as answer:
            text = answer.read().decode()
        if re.search(r"^fer_waiting_pictures 0.0$", text, re.MULTILINE):
            return int(float(re.search(r"^fer_pictures_total (.+)$", text, re.MULTILINE)[1]))
        time.sleep(0.05)


def run_bare(predictor: OnnxPredictor, crops: np.ndarray, seconds: float) -> tuple[float, float]:
    """Crops a second, and seconds of processor time a crop."""
    end, counts = time.perf_counter() + seconds, []
    started, used = time.perf_counter(), time.process_time()

    def work() -> None:
        count = 0
        while time.perf_counter() < end:
            predictor.predict_crops(crops[:BATCH])
            count += BATCH
        counts.append(count)

    threads = [threading.Thread(target=work) for _ in range(count_cores())]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    total = sum(counts)
    return total / (time.perf_counter() - started), (time.process_time() - used) / total


LOAD = """
local requests, at = {}, 0
for line in io.lines("%s/names") do
  local file = io.open(line, "rb")
  requests[#requests + 1] = file:read("*a")
  file:close()
end
function request()
  at = at %% #requests + 1
  return requests[at]
end
function done(summary, latency, _)
  local found = summary.errors
  local failed = found.connect + found.read + found.write + found.status + found.timeout
  io.write(string.format("%%d %%f %%d %%f %%f\\n", summary.requests, summary.duration / 1e6, failed,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3))
end
"""


def run_clients(port: int, requests: list[bytes], num_clients: int, seconds: float) -> Load:
    """Keep `num_clients` connections busy with wrk."""
    with TemporaryDirectory() as folder:
        files = [Path(folder) / str(number) for number in range(len(requests))]
        for file, request in zip(files, requests, strict=True):
            file.write_bytes(request)
        (Path(folder) / "names").write_text("\n".join(map(str, files)))
        script = Path(folder) / "load.lua"
        script.write_text(LOAD % folder)
        words = f"wrk -t1 -c{num_clients} -d{max(1, round(seconds))}s --timeout 60s -s {script}"
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run(
            [*words.split(), f"http://127.0.0.1:{port}"], capture_output=True, text=True, check=True
        )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    number, duration_s, failed, p50_ms, p99_ms = map(float, done.stdout.split("\n")[-2].split())
    if failed:
        print(f"    {failed:.0f} requests failed or were not answered with 200", flush=True)
    used_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Load(number / duration_s, int(number), p50_ms, p99_ms, used_s / max(1.0, number))


def send_malformed(port: int, number: int) -> dict[int | None, int]:
    """How often each status came back; None is a connection closed without an answer."""
    rng = random.Random(0)
    statuses: dict[int | None, int] = {}
    for _ in range(number):
        status = send_raw(port, spoil(rng.choice(MALFORMED), rng))
        statuses[status] = statuses.get(status, 0) + 1
    return statuses


def cpu_s(process: psutil.Process) -> float:
    """Processor time of the service, whatever processes it has."""
    times = [item.cpu_times() for item in (process, *process.children())]
    return sum(item.user + item.system for item in times)


def memory_mb(process: psutil.Process) -> float:
    return sum(item.memory_info().rss for item in (process, *process.children())) / 1e6


if __name__ == "__main__":
    tyro.cli(main)
