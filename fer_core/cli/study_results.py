"""What `fer study` hands in and out: events, persons, exports and the report."""

import json
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import Positional, arg

from fer_core.cli.terminal import refuse_existing, say, show_progress, write_output
from fer_core.errors import ConfigError
from fer_core.studies import load_study
from fer_core.studies.tables import list_rows
from fer_core.words import count
from fer_core.workspace import Workspace


def events(
    name: Positional[str],
    file: Positional[Path | None] = None,
    *,
    recording: str = "",
    json_output: Annotated[bool, arg(name="json")] = False,
) -> int:
    """List the events of a study, or add those of a file.

    Args:
        name: Of the study.
        file: Events of ELAN (.eaf), Praat (.TextGrid), WebVTT (.vtt), SRT (.srt), Label Studio (.json), or a
            table (.csv, .parquet) with the columns start_s, end_s and code.
        recording: Which one they belong to; a table may say so in a column recording, and a project of Label
            Studio by the names of its videos.
        json_output: Print JSON instead of a table.
    """
    from fer_core.studies.events import add_events
    from fer_core.studies.importing import read_events

    study = load_study(Workspace.default(), name)
    if file is not None:
        found = read_events(file, recording, study)
        say(count(add_events(study, found.table), "new event"))
        for note in found.notes:
            say(note)
        return 0
    table = study.load_events()
    if recording:
        study.check_recordings([recording])
        table = table[table["recording"] == recording]
    if json_output:
        say(table.to_json(orient="records", indent=2))
        return 0
    for row in list_rows(table):
        end = "" if row["end_s"] is None else f" to {row['end_s']:.3f}"
        facts = [f"{row['recording']}: {row['start_s']:.3f}{end} s", row["code"], row["coder"], row["note"]]
        say("  ".join(fact for fact in facts if fact))
    return 0


def persons(
    name: Positional[str],
    recordings: Positional[tuple[str, ...]] = (),
    *,
    json_output: Annotated[bool, arg(name="json")] = False,
) -> int:
    """Propose which faces could be one person, and which could be two, by colours and patterns.

    The recordings of one participant are compared with each other. Nothing is named: that is done on the
    page's tab People.

    Args:
        name: Of the study.
        recordings: Only these, and the others of their participants; all that are done, if not given.
        json_output: Print JSON.
    """
    from fer_core.progress import keep_result
    from fer_core.studies.proposals import group_recordings, propose

    study = load_study(Workspace.default(), name)
    groups = group_recordings(study, recordings)
    total, found = sum(map(len, groups)), []
    with show_progress("Looking at the faces…") as show:
        before = 0
        for group in groups:
            found += propose(study, group, lambda done, _: show(before + done, total))  # noqa: B023 - called at once
            before += len(group)
    rows = [
        {
            "kind": item.kind,
            "faces": [face._asdict() for face in item.faces],
            "distance": round(item.distance, 4),
            "person": item.person,
        }
        for item in found
    ]
    keep_result({"proposals": rows})
    if json_output:
        say(json.dumps(rows, indent=2))
        return 0
    for item in found:
        faces = ", ".join(
            f"{face.recording} face {face.track_id}" + (f" from {face.from_s:.1f} s" if face.from_s else "")
            for face in item.faces
        )
        question = "one person?" if item.kind == "same" else "two persons?"
        say(f"{question} {faces} (distance {item.distance:.2f})")
    if not found:
        say("nobody looks like somebody else")
    return 0


def export(
    name: Positional[str],
    out: Positional[Path],
    *,
    part: Literal["faces", "recordings", "events"] = "faces",
    files: str = "",
    blurred: bool = False,
    show: tuple[str, ...] = (),
    overwrite: bool = False,
) -> int:
    """Write the results to one table, a file per recording for another tool, or videos with hidden faces.

    Args:
        name: Of the study.
        out: A table (.csv, .parquet), with its data dictionary beside it; with --files, a folder or .zip;
            with --blurred, a folder.
        part: Which table: the faces of all recordings (one row per face and frame), the recordings with their
            state and mean shares, or the events.
        files: Write a file per recording into the folder OUT: .eaf (ELAN), .TextGrid (Praat), .vtt, .srt or
            .json (Label Studio).
        blurred: Write a video per recording into the folder OUT, in which all faces are hidden.
        show: With --blurred, persons who agreed and are not hidden.
        overwrite: Replace what exists; a table with its data dictionary.
    """
    from fer_core.studies.exporting import export_files, export_table, export_videos
    from fer_core.studies.formats import place_dictionary

    study = load_study(Workspace.default(), name)
    dictionary = place_dictionary(out)
    refuse_existing(out, *(() if files or blurred else (dictionary,)), overwrite=overwrite)
    if show and not blurred:
        raise ConfigError("--show says who is not hidden; it goes with --blurred")
    if blurred and files:
        raise ConfigError("--blurred writes videos, --files writes annotations; name one of them")
    if blurred:
        with show_progress("Hiding faces…") as tell:
            hidden = export_videos(study, out, show, tell)
        for recording, names in hidden.items():
            say(f"{recording}: hidden {', '.join(names) or 'nobody'}")
        say("What was never found is not hidden: look through each video before you hand it on.")
        return 0
    if not files:
        export_table(study, part, out)
        say(f"{out}\n{dictionary}")
        return 0
    suffix = files if files.startswith(".") else f".{files}"
    with show_progress("Writing…") as tell:
        notes = export_files(study, suffix, out, tell)
    say(out)
    for note in notes:
        say(note)
    return 0


def report(  # noqa: PLR0913 - the command's options
    name: Positional[str],
    out: Positional[Path],
    *,
    by: str = "condition",
    step: float | None = None,
    around: tuple[str, ...] = (),
    of: Literal["faces", "voices"] = "faces",
    baseline: Literal["none", "mean", "interval"] = "none",
    baseline_code: str = "baseline",
    test: Literal["t", "wilcoxon"] = "t",
    overwrite: bool = False,
) -> int:
    """Write the report: methods, means with intervals, tests, agreement and curves, in one HTML file.

    Args:
        name: Of the study.
        out: The .html file.
        by: Column of the recordings that makes the groups.
        step: Width of the bins of the curves in seconds; 1 if not given, more for very long recordings.
        around: Codes of events around which curves are shown by group, too.
        of: What is summed up: the faces, or the voices, if the study has a model of voices.
        baseline: What is taken off each participant, in log-odds: nothing, their own mean, or their mean in
            the intervals with --baseline-code.
        baseline_code: Code of the neutral intervals.
        test: Of differences between conditions within participants: Student's t or Wilcoxon's signed ranks.
        overwrite: Replace a file that exists.
    """
    from fer_core.studies.report import write_report
    from fer_core.studies.statistics.methods import ReportOptions

    study = load_study(Workspace.default(), name)
    if out.suffix.lower() != ".html":
        raise ConfigError(f"{out.name!r} ends in {out.suffix!r}; expected .html")
    refuse_existing(out, overwrite=overwrite)
    options = ReportOptions(of=of, baseline=baseline, baseline_code=baseline_code, test=test)
    write_output(out, write_report(study, by=by, step_s=step, around=around, options=options))
    return 0
