"""`fer study`: many recordings analyzed alike, overnight, on one machine or many."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

from tyro.conf import Positional, UseAppendAction, arg
from tyro.extras import SubcommandApp

from fer_core.cli import study_results
from fer_core.cli.terminal import (
    build_console,
    describe_detectors,
    is_confirmed,
    pick_detector,
    run_subcommand,
    say,
    show_progress,
)
from fer_core.errors import ConfigError
from fer_core.studies import Study, StudyState, create_study, delete_study, load_study, read_state
from fer_core.studies.state import STATES, survey_studies
from fer_core.words import count as count_words
from fer_core.workspace import Workspace

if TYPE_CHECKING:
    from fer_core.studies.running import RunProgress

_APP: Final = SubcommandApp()
_DESCRIPTION: Final = "Analyze many recordings alike; without a word after it, list the studies."
_MOST_SHOWN: Final[int] = 20
INTERRUPTED: Final[int] = 130
SOME_FAILED: Final[int] = 1


def parse(arguments: list[str]) -> int:
    """Run what the arguments ask for; without a word, `list`."""
    return run_subcommand(_APP, "fer study", _DESCRIPTION, arguments)


@_APP.command(name="list")
def show_list(json_output: Annotated[bool, arg(name="json")] = False) -> int:
    """List the studies, newest first.

    Args:
        json_output: Print JSON instead of a table.
    """
    found, problems = survey_studies(Workspace.default())
    if json_output:
        say(json.dumps([{"name": study.name, **_count(state)} for study, state in found.items()], indent=2))
        return 0
    if not found:
        say("no studies yet; make one: fer study create NAME")
    else:
        from rich.table import Table

        table = Table("study", "recordings", "done", "failed", "made", box=None, header_style="bold")
        for study, state in found.items():
            counts = _count(state)
            made = f"{study.record.created.astimezone():%Y-%m-%d %H:%M}"
            table.add_row(study.name, *(str(counts[key]) for key in ("recordings", "done", "failed")), made)
        build_console().print(table)
    for name, problem in problems.items():
        say(f"{name}: {problem}")
    return 0


def _count(state: StudyState) -> dict[str, int]:
    counts = state.counts
    return {"recordings": len(state.recordings), **{name: counts[name] for name in STATES}}


@_APP.command(name="create")
def create(
    name: Positional[str],
    *,
    model: str | None = None,
    detector: Annotated[str | None, arg(help=describe_detectors)] = None,
    prior: str = "general",
    detect_every: int = 5,
    smoothing: float = 0.4,
    voice: str | None = None,
    codes: tuple[str, ...] = (),
) -> int:
    """Make an empty study, with the settings that all its recordings are analyzed with.

    Args:
        name: Of its folder in the workspace.
        model: A shipped checkpoint's name, a run's name, or a folder; the shipped default, if not given.
        detector: Face detector; the best that is installed, if not given.
        prior: How often each class is expected, as for `fer annotate`.
        detect_every: Look for faces in every so-many-th frame.
        smoothing: Time constant of the smoothing of probabilities in seconds; 0 is off.
        voice: Also listen, with this model of voices: tables and `fer study report --of voices` hold what
            it hears.
        codes: Of events, at most nine: the page's player has a key for each.
    """
    workspace = Workspace.default()
    study = create_study(
        workspace,
        name,
        model=model,
        detector=pick_detector(detector, workspace),
        prior=prior,
        detect_every=detect_every,
        smoothing_s=smoothing,
        voice=voice,
        codes=codes,
    )
    settings = study.settings
    say(f"{study.folder}: model {settings.model}, detector {settings.detector}")
    say(f"next: fer study add {name} FILES, or fer study add {name} --folder FOLDER")
    return 0


@_APP.command(name="add")
def add(
    name: Positional[str],
    files: Positional[tuple[Path, ...]] = (),
    *,
    folder: Path | None = None,
    pattern: str = "**/*",
    table: Path | None = None,
    facts: Annotated[UseAppendAction[tuple[str, ...]], arg(name="set", metavar="NAME=VALUE")] = (),
) -> int:
    """Add recordings; the files stay where they are.

    What is in the study already gets the participant, condition and further columns that are named now.

    Args:
        name: Of the study.
        files: Video files.
        folder: Search this folder for files that fit the pattern.
        pattern: Path below the folder, such as '{participant}/{condition}/*.mp4': a name in braces becomes a
            column.
        table: A CSV with the column path, and further columns such as participant and condition.
        facts: A column for all of these, such as condition=control; may be repeated.
    """
    from fer_core.inference.video_reader import VIDEO_SUFFIXES
    from fer_core.studies.adding import add_recordings
    from fer_core.studies.new_recordings import (
        NewRecording,
        check_column,
        find_files,
        read_list,
        refuse_pattern,
    )

    study = load_study(Workspace.default(), name)
    for file in files:
        refuse_pattern(file)
    found = [NewRecording(path=path) for path in files]
    if folder is not None:
        below = find_files(folder, pattern)
        if pattern.endswith("*"):
            below = [item for item in below if item.path.suffix.lower() in VIDEO_SUFFIXES]
        if not below:
            raise ConfigError(f"no video below {folder} fits {pattern!r}; check the folder and the pattern")
        found += below
    if table is not None:
        found += read_list(table)
    if not found:
        raise ConfigError("nothing to add; name files, --folder or --table")
    common = {}
    for fact in facts:
        column, sign, value = fact.partition("=")
        if not sign:
            raise ConfigError(f"--set {fact!r} can't be read; expected such as condition=control")
        common[check_column(column)] = value
    found = [NewRecording(path=item.path, facts={**item.facts, **common}, stem=item.stem) for item in found]
    with show_progress("Looking into the files…") as show:
        added = add_recordings(
            study, found, lambda done, total: show(done, total, f"{done:,} of {count_words(total, 'file')}")
        )
    say(f"{len(added.recordings)} new, {len(added.known)} known already, {len(added.problems)} left out")
    for recording in added.changed:
        say(f"  {recording}: another file now; run the study, then name its faces again")
    for recording in added.moved:
        say(f"  {recording}: its file has moved; what was found in it stays")
    for note in added.notes:
        say(f"  {note}")
    for path, problem in added.problems.items():
        say(f"  {path}: {problem}")
    return SOME_FAILED if added.problems else 0


@_APP.command(name="remove")
def remove(name: Positional[str], recordings: Positional[tuple[str, ...]], *, yes: bool = False) -> int:
    """Take recordings out of a study, with their results and events; their files stay.

    Args:
        name: Of the study.
        recordings: Which ones, by the names that `fer study status` shows.
        yes: Do not ask.
    """
    from fer_core.studies.adding import remove_recordings

    study = load_study(Workspace.default(), name)
    study.check_recordings(recordings)
    if not recordings:
        raise ConfigError("nothing to take out; name recordings, as fer study status shows them")
    counted = count_words(len(recordings), "recording")
    if not yes and not is_confirmed(f"take {counted} out of study {name}? [y/N] "):
        say(f"kept {counted}")
        return 0
    remove_recordings(study, recordings)
    say(f"took {counted} out of study {name}")
    return 0


@_APP.command(name="run")
def run(name: Positional[str], *, workers: int = 0, scheduler: str = "", background: bool = False) -> int:
    """Analyze what is not done yet; stop it whenever you like, and run it again to go on.

    Recordings that failed before are tried again. Exit status 1: some failed.

    Args:
        name: Of the study.
        workers: Processes on this machine; 0 is as many as pay.
        scheduler: Address of a running Dask scheduler, such as tcp://10.0.0.1:8786, whose workers see the
            same folders.
        background: Return at once; `fer tasks` and `fer study status` show how far it is.
    """
    study = load_study(Workspace.default(), name)
    if background:
        from fer_core.studies.task import start_run

        say(f"started: fer tasks show {start_run(study, workers=workers, scheduler=scheduler).name}")
        return 0
    from fer_core.cli.streams import stop_on_interrupt
    from fer_core.studies.running import run_study

    with stop_on_interrupt() as is_stopped, show_progress("Starting the workers…") as show:

        def tell(progress: "RunProgress") -> None:
            show(progress.share * progress.num_total, progress.num_total, _describe(progress))

        found = run_study(study, workers=workers, scheduler=scheduler, on_progress=tell, cancelled=is_stopped)
    for recording, reason in list(found.failures.items())[:_MOST_SHOWN]:
        say(f"{recording}: {reason}")
    say(
        f"{found.num_done} recordings done, {len(found.failures)} failed, {found.num_before} done before; "
        f"{found.seconds:.1f} s, of these {found.start_s:.1f} s to start"
    )
    if noted := sum(
        item.state == "done" and bool(item.reason) for item in read_state(study).recordings.values()
    ):
        say(f"{noted} done that should be looked at: fer study status {name}")
    if found.was_cancelled:
        say(f"stopped; go on with: fer study run {name}")
        return INTERRUPTED
    return SOME_FAILED if found.failures else 0


def _describe(progress: "RunProgress") -> str:
    parts = [f"{progress.num_done:,} of {progress.num_total:,} recordings"]
    if progress.num_failed:
        parts.append(f"{progress.num_failed:,} failed")
    if progress.remaining_s is not None:
        minutes, seconds = divmod(round(progress.remaining_s), 60)
        parts.append(f"{minutes} min {seconds:02d} s left" if minutes else f"{seconds} s left")
    return " · ".join(parts)


@_APP.command(name="status")
def status(name: Positional[str], *, json_output: Annotated[bool, arg(name="json")] = False) -> int:
    """Say how far a study is, why which recordings failed, and which were cut off; reads files only.

    Args:
        name: Of the study.
        json_output: Print JSON, with every recording.
    """
    study = load_study(Workspace.default(), name)
    state = read_state(study)
    if json_output:
        say(json.dumps(_describe_state(study), indent=2))
        return 0
    counts = _count(state)
    say(", ".join(f"{count} {what}" for what, count in counts.items()))
    shown = [(key, item) for key, item in state.recordings.items() if item.state == "running" or item.reason]
    for key, item in shown[:_MOST_SHOWN]:
        say(f"{key}: {item.reason or f'{item.share:.0%}'}")
    if len(shown) > _MOST_SHOWN:
        say(f"and {len(shown) - _MOST_SHOWN} more; --json lists all")
    return 0


def _describe_state(study: Study) -> dict[str, Any]:
    state = read_state(study)
    return {
        "study": study.name,
        "folder": str(study.folder),
        **_count(state),
        "states": {
            key: {"state": item.state, "reason": item.reason} for key, item in state.recordings.items()
        },
    }


@_APP.command(name="delete")
def delete(name: Positional[str], *, yes: bool = False) -> int:
    """Delete a study with its results and events; recordings elsewhere on the disk stay.

    Args:
        name: Of the study.
        yes: Do not ask.
    """
    workspace = Workspace.default()
    if not yes and not is_confirmed(f"delete study {name}? [y/N] "):
        say(f"kept {name}")
        return 0
    delete_study(workspace, name)
    say(f"deleted {name}")
    return 0


for _command in (
    study_results.events,
    study_results.persons,
    study_results.export,
    study_results.report,
):
    _APP.command(name=_command.__name__)(_command)
