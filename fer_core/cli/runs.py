"""`fer runs`: list, show, stop, resume, delete and tag training runs."""

import json
import shlex
import sys
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any, Final

from tyro.conf import Positional, arg
from tyro.extras import SubcommandApp

from fer_core.cli.terminal import build_console, is_confirmed, run_subcommand, say
from fer_core.workspace import Workspace

if TYPE_CHECKING:
    from fer_core.runs.reader import Run

_FOLLOW_POLL_S: Final[float] = 0.5

_APP: Final = SubcommandApp()


def parse(arguments: list[str]) -> int:
    """Run one of the subcommands; without one the runs are listed."""
    return run_subcommand(_APP, "fer runs", "Training runs of the workspace.", arguments)


def _load(name: str) -> "Run":
    """The run that is meant by a name or a title."""
    from fer_core.runs.reader import find_run

    return find_run(name, Workspace.default())


@_APP.command(name="list")
def list_all(
    tag: str | None = None,
    state: str | None = None,
    json_output: Annotated[bool, arg(name="json")] = False,
) -> int:
    """List the training runs, newest first. This is what `fer runs` does without a subcommand.

    Args:
        tag: Only those with this tag.
        state: Only those in this state, for example `running`.
        json_output: Print JSON instead of a table.
    """
    from rich.table import Table

    from fer_core.runs.reader import list_runs

    workspace = Workspace.default()
    everything = list_runs(workspace)
    runs = [run for run in everything if (not tag or tag in run.tags) and (not state or run.state == state)]
    if json_output:
        say(json.dumps([_describe(run) for run in runs], indent=2))
        return 0
    if not everything:
        say(f"no runs in {workspace.runs}; start one with: fer train --preset quick")
        return 0
    table = Table("run", "created", "state", "epoch", "best", "time left", "tags")
    for run in runs:
        status = run.status
        table.add_row(
            run.title,
            f"{run.created:%Y-%m-%d %H:%M}" if run.created else "",
            run.state if run.queue_position is None else f"{run.state} ({run.queue_position}.)",
            f"{status.epoch}/{status.num_epochs or '?'}",
            "" if run.best is None else f"{run.best:.4f} in {status.best_epoch}",
            format_duration(status.eta_s) if run.is_active else "",
            ", ".join(run.tags),
        )
    build_console().print(table)
    return 0


def _describe(run: "Run") -> dict[str, Any]:
    return {
        "name": run.name,
        "title": run.title,
        **asdict(run.status),
        "state": run.state,
        "queue_position": run.queue_position,
        "tags": list(run.tags),
    }


def format_duration(seconds: float | None) -> str:
    """Hours, minutes and seconds; empty for None.

    Examples:
        >>> format_duration(3725.4)
        '1:02:05'
    """
    if seconds is None:
        return ""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}"


@_APP.command
def show(name: Positional[str], *, json_output: Annotated[bool, arg(name="json")] = False) -> int:
    """Show one run: state, scores, notes, and the settings that differ from the defaults.

    Args:
        name: The run.
        json_output: Print JSON instead, with all settings.
    """
    from rich.table import Table

    from fer_core.runs.notes import load_notes

    run = _load(name)
    notes = load_notes(run.folder)
    if json_output:
        records = [asdict(record) for record in run.load_metrics()]
        say(json.dumps(_describe(run) | {"notes": notes.notes, "config": run.config, "metrics": records}))
        return 0
    table = Table(show_header=False)
    for label, value in _summarise(run, notes.notes).items():
        if value:
            table.add_row(label, value)
    build_console().print(table)
    return 0


def _summarise(run: "Run", notes: str) -> dict[str, str]:
    status = run.status
    records = run.load_metrics()
    last = asdict(records[-1]) if records else {}
    changed = [f"{key} = {value!r}" for key, value in _list_changes(run)]
    scores = ("train_loss", "valid_loss", "valid_accuracy", "valid_macro_f1")
    return {
        "run": run.title,
        "folder": str(run.folder),
        "state": run.state,
        "cause": status.message or "" if run.state == "failed" else "",
        "device": status.device or "",
        "epoch": f"{status.epoch}/{status.num_epochs or '?'}",
        "time left": format_duration(status.eta_s) if run.is_active else "",
        "best": ""
        if run.best is None
        else f"{run.config.get('monitor', '')} {run.best:.4f} in epoch {status.best_epoch}",
        "last epoch": ", ".join(f"{key} {last[key]:.4f}" for key in scores if last.get(key) is not None),
        "tags": ", ".join(run.tags),
        "notes": notes,
        "settings": "\n".join(changed),
    }


def _list_changes(run: "Run") -> list[tuple[str, Any]]:
    """Settings of a run that are not the defaults, as dotted names."""
    from fer_core.config import TrainConfig, config_to_dict

    def flatten(value: Any, prefix: str = "") -> dict[str, Any]:
        if not isinstance(value, dict) or not value:
            return {prefix: value}
        return {
            name: item
            for key, inner in value.items()
            for name, item in flatten(inner, f"{prefix}.{key}".lstrip(".")).items()
        }

    usual = flatten(config_to_dict(TrainConfig()))
    return [(key, value) for key, value in flatten(dict(run.config)).items() if usual.get(key) != value]


@_APP.command
def stop(names: Positional[tuple[str, ...]]) -> int:
    """Let runs finish their step, save and end; a queued run leaves the queue.

    Args:
        names: The runs.
    """
    from fer_core.jobs import stop_run

    for name in names:
        stop_run(_load(name).name, Workspace.default())
        say(f"stopping {name}; go on later with: fer runs resume {shlex.quote(name)}")
    return 0


@_APP.command
def resume(name: Positional[str], *, detach: bool = True) -> int:
    """Continue a stopped, failed or interrupted run.

    Args:
        name: The run.
        detach: Return at once; the run goes on by itself. `--no-detach` trains in the foreground.
    """
    from fer_core.cli import train

    return train.parse(["--resume", name, *(["--detach"] if detach else [])])


@_APP.command
def delete(names: Positional[tuple[str, ...]], *, yes: bool = False) -> int:
    """Delete runs with everything in them: settings, scores, log and checkpoints.

    Args:
        names: The runs.
        yes: Do not ask.
    """
    from fer_core.jobs import delete_run
    from fer_core.titles import find_titled_run

    workspace = Workspace.default()
    for name in names:
        if not yes and not is_confirmed(f"delete run {name} with its checkpoints? [y/N] "):
            say(f"kept {name}")
            continue
        delete_run(found.name if (found := find_titled_run(name, workspace)) else name, workspace)
        say(f"deleted {name}")
    return 0


@_APP.command
def tag(name: Positional[str], tags: Positional[tuple[str, ...]] = (), *, remove: bool = False) -> int:
    """Add tags to a run, or take them away.

    Args:
        name: The run.
        tags: Words to file it under; without any, its tags are printed.
        remove: Take these tags away.
    """
    from fer_core.runs.notes import load_notes, save_notes

    run = _load(name)
    known, text = load_notes(run.folder).tags, load_notes(run.folder).notes
    if tags:
        wanted = [item for item in known if item not in tags] if remove else [*known, *tags]
        known = save_notes(run.folder, wanted, text).tags
    say(", ".join(known) or "no tags")
    return 0


@_APP.command
def rename(name: Positional[str], title: Positional[str]) -> int:
    """Give a run another name to read and to type; its folder, addresses and models made from it keep theirs.

    Args:
        name: The run.
        title: What it is called from now on; empty for the name of its folder.
    """
    from fer_core.runs.notes import rename_run

    workspace = Workspace.default()
    run = _load(name)
    rename_run(run.name, title, workspace)
    say(f"{run.name} is called {_load(run.name).title}")
    return 0


@_APP.command
def note(name: Positional[str], text: Positional[str | None] = None) -> int:
    """Write a note beside a run, replacing the one that is there; without a text, print it.

    Args:
        name: The run.
        text: The note; empty removes it.
    """
    from fer_core.runs.notes import load_notes, save_notes

    run = _load(name)
    notes = load_notes(run.folder)
    if text is not None:
        notes = save_notes(run.folder, notes.tags, text)
    say(notes.notes or "no note")
    return 0


@_APP.command
def log(name: Positional[str], *, lines: int = 50, follow: bool = False) -> int:
    """Print the end of a run's log.

    Args:
        name: The run.
        lines: How many lines of it.
        follow: Go on printing until the run ends.
    """
    from fer_core.runs.log_tail import read_log_tail
    from fer_core.runs.run_files import LOG_FILE

    run = _load(name)
    path = run.folder / LOG_FILE
    end = path.stat().st_size if path.is_file() else 0
    for line in read_log_tail(run, lines):
        say(line)
    while follow:
        is_active = _load(name).is_active  # looked up before the log, so that its last lines are not missed
        if path.is_file():
            with path.open("rb") as file:
                file.seek(end)
                data = file.read()
            end += len(data)
            sys.stdout.write(data.decode("utf-8", errors="replace"))
            sys.stdout.flush()
        if not is_active:
            break
        time.sleep(_FOLLOW_POLL_S)
    return 0
