"""Asking torch without loading it: a child process answers, and what never changes lies in a file.

The first question starts the child; it ends with this process, or when it was left alone for ten minutes.
Answers are kept, since they depend on nothing but the question. What the architectures of this program are,
and how large those of its presets, is in `known_networks.json`, which counts as long as the networks' code is
that of the file and no installed package adds to them; `python -m fer_core.jobs.torch_helper` writes it anew.
"""

import functools
import hashlib
import itertools
import json
import subprocess
import sys
import threading
from collections import OrderedDict
from collections.abc import Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as StillWaiting
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Final

from fer_core.config import list_presets, load_preset
from fer_core.errors import ConfigError, FerError
from fer_core.io import read_json, write_json
from fer_core.labels import EMOTIONS, FER2013_LABELS
from fer_core.workspace import PROJECT_ROOT

PATIENCE_S: float = 0.3
"""How long a page waits for an answer before it goes on without."""
_MODULE: Final[str] = "fer_core.training.torch_helper"
_PACKAGE: Final[str] = "fer_workbench.models"
_MODELS: Final[Path] = Path(__file__).resolve().parents[1] / "models"
KNOWN_FILE: Final[Path] = _MODELS / "known_networks.json"
_UNRELATED: Final[frozenset[str]] = frozenset(
    {"__init__.py", "checkpoint_files.py", "complexity.py", "device.py", "pretrained.py", "timm_backbone.py"}
)
"""Files of that folder which no size and no argument depends on."""
_MAX_ANSWERS: Final[int] = 256


class TorchHelper:
    """The child, as one process asks it."""

    def __init__(self) -> None:
        """Nothing is started yet."""
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None
        self._numbers = itertools.count()
        self._waiting: dict[int, Future[Any]] = {}
        self._answers: OrderedDict[str, Future[Any]] = OrderedDict()

    def ask(self, kind: str, **values: Any) -> "Future[Any]":
        """The answer to a question, perhaps not yet there.

        Args:
            kind: a function of `fer_core.training.torch_helper`.
            values: its arguments, as JSON holds them.
        """
        key = json.dumps([kind, values], sort_keys=True)
        with self._lock:
            known = self._answers.get(key)
            if known is not None:
                return known
            future: Future[Any] = Future()
            self._answers[key] = future
            while len(self._answers) > _MAX_ANSWERS:
                self._answers.popitem(last=False)
            number = next(self._numbers)
            self._waiting[number] = future
            self._send({"id": number, "kind": kind, "values": values})
        return future

    def _send(self, question: Mapping[str, Any]) -> None:
        line = json.dumps(question) + "\n"
        for attempt in range(2):
            if self._process is None or self._process.poll() is not None:
                self._start()
            assert self._process is not None and self._process.stdin is not None
            try:
                self._process.stdin.write(line)
                self._process.stdin.flush()
                return
            except OSError:  # it ended in this moment
                self._process = None
                if attempt:
                    raise

    def _start(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", _MODULE],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            cwd=PROJECT_ROOT,
        )
        threading.Thread(target=self._read, args=(self._process,), daemon=True).start()

    def _read(self, process: "subprocess.Popen[str]") -> None:
        assert process.stdout is not None
        for line in process.stdout:
            reply = json.loads(line)
            with self._lock:
                future = self._waiting.pop(reply["id"])
            if "error" in reply:
                future.set_exception(ConfigError(reply["error"]))
            else:
                future.set_result(reply["result"])
        process.wait()
        with self._lock:
            if self._process not in (process, None):  # another one has taken over
                return
            self._process = None
            lost, self._waiting = self._waiting, {}
            for key in [key for key, future in self._answers.items() if future in lost.values()]:
                del self._answers[key]  # may be asked again
        for future in lost.values():
            future.set_exception(
                FerError("the process that builds networks ended; see the server's log, and try again")
            )

    def close(self) -> None:
        """End the child, if there is one."""
        with self._lock:
            process = self._process
        if process is not None and process.stdin is not None:
            process.stdin.close()
            process.wait()


HELPER: Final = TorchHelper()
"""That of this process."""


def ask(kind: str, **values: Any) -> Any:
    """Ask and wait for the answer, however long it takes.

    Raises:
        ConfigError: what is asked for does not work.
        FerError: the child died.
    """
    return HELPER.ask(kind, **values).result()


def ask_soon(kind: str, **values: Any) -> Any:
    """Ask, and wait for a moment; None if there is no answer yet. Errors as for `ask`."""
    try:
        return HELPER.ask(kind, **values).result(timeout=PATIENCE_S)
    except StillWaiting:
        return None


def is_answered(kind: str, **values: Any) -> bool:
    """Whether an answer, or an error, is there."""
    return HELPER.ask(kind, **values).done()


@functools.cache
def load_known() -> Mapping[str, Any]:
    """What `known_networks.json` says; empty if it is not of this code, or packages add networks."""
    if entry_points(group=_PACKAGE) or not KNOWN_FILE.is_file():
        return {}
    known = read_json(KNOWN_FILE, FerError)
    return known if known.get("code") == compute_code_digest() else {}


def compute_code_digest() -> str:
    """SHA-256 over the code that networks are built by."""
    digest = hashlib.sha256()
    for path in sorted(_MODELS.glob("*.py")):
        if path.name not in _UNRELATED:
            digest.update(path.read_bytes())
    return digest.hexdigest()


def list_architectures() -> list[dict[str, Any]]:
    """Every architecture: `name`, `summary`, `arguments` (each `name`, `default`, `help`)."""
    found: list[dict[str, Any]] = load_known().get("architectures") or ask("list_architectures")
    return found


def describe_arguments(name: str) -> list[dict[str, Any]]:
    """The arguments of an architecture, one of timm's too.

    Raises:
        ConfigError: there is none of that name.
    """
    listed = {item["name"]: item["arguments"] for item in list_architectures()}
    found: list[dict[str, Any]] = listed[name] if name in listed else ask("describe_arguments", name=name)
    return found


def count_parameters(network: Mapping[str, Any]) -> int | None:
    """Trained parameters; None as long as they are being counted.

    Args:
        network: as `describe_network` makes it.

    Raises:
        ConfigError: the architecture does not take these arguments.
    """
    for item in load_known().get("networks", ()):
        if item["network"] == network:
            return int(item["num_parameters"])
    count: int | None = ask_soon("count_parameters", **network)
    return count


def describe_network(
    name: str,
    arguments: Mapping[str, Any],
    *,
    num_classes: int,
    in_channels: int,
    input_size: tuple[int, int] = (0, 0),
) -> dict[str, Any]:
    """A network as a question names it; an input size of zeros is what the architecture was designed for."""
    return {
        "name": name,
        "arguments": dict(arguments),
        "num_classes": num_classes,
        "in_channels": in_channels,
        "input_size": list(input_size),
    }


def collect_known() -> dict[str, Any]:
    """What `known_networks.json` should say: architectures, and networks of presets and of defaults."""
    architectures = ask("list_architectures")
    kinds: list[tuple[str, dict[str, Any]]] = [(item["name"], {}) for item in architectures]
    kinds += [
        (config.model.name, dict(config.model.arguments)) for config in map(load_preset, list_presets())
    ]
    networks = []
    for name, arguments in kinds:
        for num_classes in (len(EMOTIONS), len(FER2013_LABELS)):
            network = describe_network(name, arguments, num_classes=num_classes, in_channels=1)
            entry = {"network": network, "num_parameters": ask("count_parameters", **network)}
            networks += [] if entry in networks else [entry]
    return {"code": compute_code_digest(), "architectures": architectures, "networks": networks}


if __name__ == "__main__":
    write_json(KNOWN_FILE, collect_known())
