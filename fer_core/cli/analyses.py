"""`fer analyses`: what `fer predict --keep`, `fer annotate --keep` and the page *Analyze media* kept."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

from tyro.conf import Positional, arg
from tyro.extras import SubcommandApp

from fer_core.analyses import (
    AnalysisComparison,
    KeptAnalysis,
    compare_analyses,
    delete_analysis,
    export_analysis,
    find_analysis,
    list_analyses,
    rename_analysis,
)
from fer_core.cli.terminal import build_console, is_confirmed, run_subcommand, say
from fer_core.errors import ConfigError
from fer_core.results import list_extensions
from fer_core.words import count as count_words
from fer_core.workspace import Workspace

if TYPE_CHECKING:
    from rich.table import Table

_APP: Final = SubcommandApp()


def parse(arguments: list[str]) -> int:
    """Run one of the subcommands; without one the analyses are listed."""
    return run_subcommand(
        _APP, "fer analyses", "Analyses of pictures and videos that you chose to keep.", arguments
    )


@_APP.command(name="list")
def list_all(json_output: Annotated[bool, arg(name="json")] = False) -> int:
    """List the analyses, newest first. This is what `fer analyses` does without a subcommand.

    Args:
        json_output: Print JSON instead of a table.
    """
    from rich.table import Column, Table

    workspace = Workspace.default()
    found = list_analyses(workspace)
    if json_output:
        say(json.dumps([_describe(item) for item in found], indent=2))
        return 0
    if not found:
        say(f"no analyses in {workspace.analyses}; keep one with: fer predict photo.jpg --keep NAME")
        return 0
    # Ids are never cut: the other subcommands ask for them.
    table = Table(Column("id", no_wrap=True), "name", "of", "faces", "mostly", box=None, header_style="bold")
    for item in found:
        record = item.record
        if record is None or item.problem:
            table.add_row(item.key, item.name, "damaged", "", item.problem)
            continue
        mostly = next(iter(record.labels), "")
        table.add_row(item.key, item.name, _describe_sources(item), str(record.num_faces), mostly)
    build_console().print(table)
    return 0


@_APP.command(name="show")
def show(analysis: Positional[str], json_output: Annotated[bool, arg(name="json")] = False) -> int:
    """Show one analysis, after comparing its files with their checksums.

    Args:
        analysis: Its id, or its name.
        json_output: Print JSON instead, with all that is known.
    """
    from rich.table import Table

    found = find_analysis(Workspace.default(), analysis)
    found.verify()
    record = found.facts
    if json_output:
        say(json.dumps(_describe(found), indent=2))
        return 0
    settings = ", ".join(f"{name} {value}" for name, value in record.settings.items())
    table = Table(show_header=False, box=None)
    for label, value in {
        "id": found.key,
        "name": record.name,
        "analyzed": f"{record.created.astimezone():%Y-%m-%d %H:%M}",
        "of": _describe_sources(found),
        "model": f"{record.model.name} ({record.model.sha256[:12]})",
        "detector": record.detector,
        "settings": settings,
        "faces": str(record.num_faces),
        "labels": ", ".join(f"{name} {count}" for name, count in record.labels.items()),
        "mean shares": ", ".join(f"{name} {share:.0%}" for name, share in _rank(record.mean_shares)),
        "notes": "\n".join(record.notes),
        "folder": str(found.folder),
    }.items():
        if value:
            table.add_row(label, value)
    build_console().print(table)
    return 0


@_APP.command(name="rename")
def rename(analysis: Positional[str], name: Positional[str]) -> int:
    """Give an analysis another name; its id stays.

    Args:
        analysis: Its id, or its name.
        name: The new name.
    """
    workspace = Workspace.default()
    key = find_analysis(workspace, analysis).key
    rename_analysis(workspace, key, name)
    say(f"{key} is called {find_analysis(workspace, key).name} now")
    return 0


@_APP.command(name="compare")
def compare(
    analyses: Positional[tuple[str, ...]], json_output: Annotated[bool, arg(name="json")] = False
) -> int:
    """Put analyses side by side: expressions, settings, and face by face if they are of the same files.

    Args:
        analyses: Two or more, by id or name.
        json_output: Print JSON instead of tables.
    """
    workspace = Workspace.default()
    found = compare_analyses([find_analysis(workspace, item) for item in analyses])
    if json_output:
        say(json.dumps(_describe_comparison(found), indent=2))
        return 0
    console = build_console()
    console.print(_tabulate(found))
    for name, values in found.differences.items():
        say(f"{name}: {', '.join(map(str, values))}")
    if found.agreement:
        same = found.agreement
        say(
            f"same files: {same.num_same_label:,} of {count_words(same.num_matched, 'face')} with the "
            f"same label; {same.num_only_first} found in the first only, "
            f"{same.num_only_second} in the second only"
        )
        for (old, new), count in same.changes.items():
            say(f"  {old} -> {new}: {count}")
    return 0


@_APP.command(name="export")
def export(analysis: Positional[str], out: Positional[Path], overwrite: bool = False) -> int:
    """Write an analysis to one file: all of it as a .zip, or its table as .csv or .parquet.

    Args:
        analysis: Its id, or its name.
        out: The file; its ending says what is written.
        overwrite: Replace a file that exists.
    """
    if out.exists() and not overwrite:
        raise ConfigError(f"{out} exists already; choose another name, or add --overwrite")
    if not out.suffix:
        raise ConfigError(f"{out.name!r} has no ending; expected .zip, {list_extensions()}")
    export_analysis(find_analysis(Workspace.default(), analysis), out)
    say(out)
    return 0


@_APP.command(name="delete")
def delete(analyses: Positional[tuple[str, ...]], *, yes: bool = False) -> int:
    """Delete analyses with everything in them.

    Args:
        analyses: By id or name.
        yes: Do not ask.
    """
    workspace = Workspace.default()
    for item in analyses:
        found = find_analysis(workspace, item)
        if not yes and not is_confirmed(f"delete analysis {found.key} ({found.name})? [y/N] "):
            say(f"kept {found.key}")
            continue
        delete_analysis(workspace, found.key)
        say(f"deleted {found.key}")
    return 0


def _describe(item: KeptAnalysis) -> dict[str, Any]:
    import msgspec

    record = msgspec.to_builtins(item.record) if item.record else {}
    return {"id": item.key, "folder": str(item.folder), "problem": item.problem, **record}


def _describe_sources(item: KeptAnalysis) -> str:
    sources = item.facts.sources
    if len(sources) == 1:
        return sources[0].name
    return f"{len(sources)} pictures"


def _rank(shares: Any) -> list[tuple[str, float]]:
    return sorted(shares.items(), key=lambda pair: -pair[1])


def _tabulate(found: AnalysisComparison) -> "Table":
    from rich.table import Column, Table

    names = [Column(item.name, justify="right") for item in found.analyses]
    table = Table("mean share of", *names, box=None, header_style="bold")
    for name, shares in found.mean_shares.iterrows():
        table.add_row(str(name), *("–" if share != share else f"{share:.1%}" for share in shares))  # noqa: PLR0124 - NaN
    table.add_row("faces", *(str(item.facts.num_faces) for item in found.analyses))
    return table


def _describe_comparison(found: AnalysisComparison) -> dict[str, Any]:
    agreement = found.agreement
    return {
        "analyses": [_describe(item) for item in found.analyses],
        "mean_shares": json.loads(found.mean_shares.to_json()),
        "label_shares": json.loads(found.label_shares.to_json()),
        "differences": found.differences,
        "same_sources": found.same_sources,
        "agreement": agreement
        and {
            "num_matched": agreement.num_matched,
            "num_same_label": agreement.num_same_label,
            "num_only_first": agreement.num_only_first,
            "num_only_second": agreement.num_only_second,
            "changes": [[*pair, count] for pair, count in agreement.changes.items()],
        },
    }
