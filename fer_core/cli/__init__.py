"""The command line: `fer <command>`; `python -m fer_core` is the same.

Each command is one module with a `main` function whose signature is its interface (tyro). Only the module of
the command that was asked for is imported, so `fer --help` answers at once.
"""

import importlib
import logging
import os
import sys
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Final

from fer_core import __version__
from fer_core.cli.terminal import say
from fer_core.errors import ConfigError, FerError
from fer_core.extras import explain_missing_packages
from fer_core.redact import RedactingFormatter, redact
from fer_core.workspace import TASK_VARIABLE

COMMANDS: Final[dict[str, str]] = {
    "app": "open the dashboard",
    "serve": "serve pictures over HTTP: pictures in, JSON out",
    "doctor": "what is found on this computer, what is missing and how to get it",
    "import": "import a data set, or draw the built-in one",
    "datasets": "list, show, verify, export, derive and check data sets",
    "train": "train a model",
    "adapt": "teach a model your own faces, and see what that gained and cost",
    "sweep": "search for good settings by many runs",
    "lr-find": "see which learning rate a configuration stands",
    "estimate": "see how long a training takes and how much memory it needs",
    "summary": "show the layers and the cost of a network",
    "evaluate": "score a checkpoint on a data set",
    "robustness": "see how much accuracy models keep under blur, noise, darkness and the like",
    "crosscheck": "score models on data sets of other sources, with and without expected shares",
    "compare": "put models side by side, and see whether their differences are real",
    "explain": "see where on faces a model looked",
    "predict": "apparent expressions of the faces on a picture",
    "annotate": "draw apparent expressions into a video",
    "listen": "where somebody speaks in sound files, and what the voice appears to express",
    "study": "analyze many recordings alike: create, add, run, status, export, report",
    "collect": "collect faces of your own, to label them and to adapt a model to them",
    "label": "label collected faces in the dashboard, by key",
    "collections": "list, show and delete collected faces; data sets of them; Label Studio",
    "blur": "hide the faces of people who did not agree in a video",
    "convert": "write results and events for ELAN, Praat, Label Studio and others, and read theirs",
    "analyses": "list, show, rename, compare, export and delete analyses that were kept",
    "camera": "read a local camera and print what it shows",
    "runs": "list, show, stop, resume, delete and tag training runs",
    "tasks": "list, show, cancel and delete what works in the background",
    "models": "list, show, import, export, delete and push models",
    "export": "write a model as an ONNX file that describes itself, checked against torch",
    "benchmark": "time models: torch and ONNX, by batch size, threads and precision",
    "publish": "make a run one of the shipped checkpoints",
    "fetch": "download the better face detector (YuNet, 230 KB), or what runs models in browsers",
    "browser-bundle": "write a page that reads faces in the visitor's browser, for any web server",
}
_RENAMED: Final[dict[str, str]] = {"import": "import_data"}
"""Commands whose module can't have their name; in others a hyphen becomes an underscore."""


_TRAINING: Final[frozenset[str]] = frozenset(
    {
        "train",
        "adapt",
        "sweep",
        "lr-find",
        "estimate",
        "summary",
        "evaluate",
        "robustness",
        "crosscheck",
        "explain",
        "export",
    }
)
"""Commands that compute with torch."""

_RENAMED_OPTIONS: Final[dict[str, str]] = {
    "--uncertain-below": "was a least probability; faces are now called uncertain by how often their label "
    "is expected to be right: use --sure-from, such as --sure-from 0.5",
}


def _usage() -> str:
    width = max(map(len, COMMANDS))
    lines = [f"  {name:<{width}}  {summary}" for name, summary in COMMANDS.items()]
    return "\n".join(
        [
            f"fer {__version__}: a workbench for facial expression recognition",
            "",
            "usage: fer <command> [options]     fer <command> --help says more",
            "",
            *lines,
            "",
            "fer app opens the dashboard.",
        ]
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status: 0 done, 1 a clear error, 2 wrong usage, 130 interrupted."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        say(_usage())
        return 0
    if arguments[0] in ("-V", "--version"):
        say(__version__)
        return 0
    name, *rest = arguments
    if name not in COMMANDS:
        near = get_close_matches(name, COMMANDS, n=1)
        hint = f" Did you mean `fer {near[0]}`?" if near else ""
        say(f"fer: unknown command {name!r}.{hint} See `fer --help`.", file=sys.stderr)
        return 2
    # The level is the handler's: a run writes finer records into its own log.
    handler = logging.StreamHandler()
    handler.setLevel(logging.WARNING)
    handler.setFormatter(RedactingFormatter("%(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(handlers=[handler])
    task = os.environ.pop(TASK_VARIABLE, "")  # popped: what the command starts is no task
    if task:
        from fer_core.jobs.task_process import work_on_task

        return work_on_task(Path(task), lambda: _run(name, rest))
    return _run_for_terminal(name, rest)


def _run(name: str, arguments: list[str]) -> int:
    import tyro

    for option in arguments:
        if hint := _RENAMED_OPTIONS.get(option.partition("=")[0].replace("_", "-")):
            raise ConfigError(f"{option.partition('=')[0]} {hint}")
    module = importlib.import_module(f"fer_core.cli.{_RENAMED.get(name, name.replace('-', '_'))}")
    if hasattr(module, "parse"):  # a command whose defaults depend on its other arguments
        return int(module.parse(arguments) or 0)
    return int(tyro.cli(module.main, prog=f"fer {name}", args=arguments) or 0)


def _run_for_terminal(name: str, arguments: list[str]) -> int:
    try:
        with explain_missing_packages("train" if name in _TRAINING else ""):
            return _run(name, arguments)
    except FerError as error:
        say(redact(f"fer {name}: {error}"), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        say(f"fer {name}: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:  # `fer runs | head`
        sys.stderr.close()
        return 0
