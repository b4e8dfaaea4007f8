"""`fer tasks`: what works in the background, or did lately."""

import json
from typing import Annotated, Any, Final

from tyro.conf import Positional, arg
from tyro.extras import SubcommandApp

from fer_core.cli.terminal import build_console, run_subcommand, say
from fer_core.jobs.tasks import BackgroundTask, cancel_task, delete_task, list_tasks, load_task
from fer_core.workspace import Workspace

_APP: Final = SubcommandApp()


def parse(arguments: list[str]) -> int:
    """Run one of the subcommands; without one the tasks are listed."""
    return run_subcommand(
        _APP, "fer tasks", "Background tasks of the dashboard's pages, and their results.", arguments
    )


@_APP.command(name="list")
def list_all(json_output: Annotated[bool, arg(name="json")] = False) -> int:
    """List the tasks, newest first. This is what `fer tasks` does without a subcommand.

    Args:
        json_output: Print JSON instead of a table.
    """
    from rich.table import Column, Table

    workspace = Workspace.default()
    tasks = list_tasks(workspace)
    if json_output:
        say(json.dumps([_describe(task) for task in tasks], indent=2))
        return 0
    if not tasks:
        say(f"no tasks in {workspace.tasks}; the dashboard's pages start them")
        return 0
    # Names are never cut: the other subcommands ask for them.
    table = Table(Column("task", no_wrap=True), "state", "done", "what", box=None, header_style="bold")
    for task in tasks:
        table.add_row(task.name, task.state, f"{_share(task):.0%}", task.title)
    build_console().print(table)
    return 0


@_APP.command(name="show")
def show(name: Positional[str]) -> int:
    """Print all that is known of a task, and the end of its log.

    Args:
        name: The task.
    """
    task = load_task(Workspace.default(), name)
    say(json.dumps({**_describe(task), "result": task.result()}, indent=2))
    say(task.read_log(), end="")
    return 0


@_APP.command(name="cancel")
def cancel(name: Positional[str]) -> int:
    """Ask a task to end.

    Args:
        name: The task.
    """
    cancel_task(Workspace.default(), name)
    say(f"asked {name} to end")
    return 0


@_APP.command(name="delete")
def delete(name: Positional[str]) -> int:
    """Remove a task that has ended, with the files that it made.

    Args:
        name: The task.
    """
    delete_task(Workspace.default(), name)
    say(f"deleted {name}")
    return 0


def _describe(task: BackgroundTask) -> dict[str, Any]:
    progress = task.progress
    return {
        "name": task.name,
        "state": task.state,
        "title": task.title,
        "command": ["fer", *task.command],
        "created": task.created,
        "ended": task.ended,
        "done": _share(task),
        "doing": progress.text,
        "error": task.error,
        "folder": str(task.folder),
    }


def _share(task: BackgroundTask) -> float:
    """Fraction that is done; the work may end before all the steps that it foresaw, as an estimate does."""
    return 1.0 if task.state == "finished" else task.progress.share
