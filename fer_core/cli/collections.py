"""`fer collections`: faces that were collected to be labelled, and what became of them."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from tyro.conf import Positional, arg
from tyro.extras import SubcommandApp

from fer_core.cli.terminal import build_console, is_confirmed, run_subcommand, say
from fer_core.errors import ConfigError
from fer_core.words import count
from fer_core.workspace import Workspace

if TYPE_CHECKING:
    from fer_core.collecting import Collection

_APP: Final = SubcommandApp()
_DESCRIPTION: Final = "Faces that were collected to be labelled; without a word after it, list them."


def parse(arguments: list[str]) -> int:
    """Run what the arguments ask for; without a word, `list`."""
    return run_subcommand(_APP, "fer collections", _DESCRIPTION, arguments)


@_APP.command(name="list")
def show_list(json_output: Annotated[bool, arg(name="json")] = False) -> int:
    """List the collections, newest first.

    Args:
        json_output: Print JSON instead of a table.
    """
    from fer_core.collecting import list_collections

    problems: dict[str, str] = {}
    found = list_collections(Workspace.default(), problems)
    if json_output:
        say(json.dumps([_count(item) for item in found], indent=2))
        return 0
    if not found:
        say("no collections yet; make one: fer collect NAME FILES")
    else:
        from rich.table import Table

        table = Table("collection", "faces", "labelled", "annotators", box=None, header_style="bold")
        for item in found:
            facts = _count(item)
            annotators = ", ".join(facts["annotators"])
            table.add_row(item.name, str(facts["num_faces"]), str(facts["num_labelled"]), annotators)
        build_console().print(table)
    for name, problem in problems.items():
        say(f"{name}: {problem}")
    return 0


def _count(collection: "Collection") -> dict[str, Any]:
    from fer_core.collecting.labels import open_labels

    faces, votes = collection.load_faces(), open_labels(collection).read()
    return {
        "name": collection.name,
        "num_faces": len(faces),
        "num_labelled": len({face for face, _ in votes}),
        "annotators": sorted({who for _, who in votes}),
        "persons": sorted(set(map(str, faces["person"]))),
        "clips": sorted(set(map(str, faces["clip"]))),
    }


@_APP.command(name="show")
def show(name: Positional[str], json_output: Annotated[bool, arg(name="json")] = False) -> int:
    """Show who and what a collection holds, and how far its annotators agree.

    Args:
        name: Of the collection.
        json_output: Print JSON instead.
    """
    from fer_core.collecting import load_collection
    from fer_core.collecting.labels import open_labels
    from fer_core.collecting.queues import compare_annotators, find_disagreements

    collection = load_collection(Workspace.default(), name)
    facts, votes = _count(collection), open_labels(collection).read()
    agreement = compare_annotators(votes)
    facts["disagreements"] = find_disagreements(list(map(str, collection.load_faces()["face"])), votes)
    if json_output:
        say(json.dumps({**facts, "agreement": json.loads(agreement.to_json(orient="records"))}, indent=2))
        return 0
    say(f"{facts['num_labelled']:,} of {count(facts['num_faces'], 'face')} labelled")
    for word in ("persons", "clips", "annotators"):
        say(f"{word}: {len(facts[word]):,}" + (f" ({', '.join(facts[word])})" if facts[word] else ""))
    say(f"faces on which annotators disagree: {len(facts['disagreements']):,}")
    if len(agreement):
        from rich.table import Table

        table = Table(*agreement.columns, box=None, header_style="bold")
        for row in agreement.itertuples(index=False):
            table.add_row(*(f"{value:.2f}" if isinstance(value, float) else str(value) for value in row))
        build_console().print(table)
    return 0


@_APP.command(name="dataset")
def dataset(
    name: Positional[str],
    *,
    as_name: str | None = None,
    model: str | None = None,
    group_by: Literal["person", "clip"] = "clip",
    unsure: Literal["drop", "weigh"] = "drop",
    valid: float = 0.2,
    test: float = 0.2,
    seed: int = 0,
) -> int:
    """Make an ordinary data set of the labelled faces: votes, and splits by person or clip, never by frame.

    Args:
        name: Of the collection.
        as_name: Of the data set; the collection's if not given.
        model: Whose size, colour and framing the pictures get; the shipped default, if not given.
        group_by: What is never divided between splits: a person, or a clip.
        unsure: Leave "unsure" out of the count, or count it as a vote for "unknown", as FER+ does.
        valid: Share for validation.
        test: Share for the test.
        seed: Of the division.
    """
    from fer_core.checkpoint import default_checkpoint, find_checkpoint, require_kind
    from fer_core.collecting import load_collection
    from fer_core.collecting.dataset import build_dataset
    from fer_core.data.splits import SplitPlan

    workspace = Workspace.default()
    entry = find_checkpoint(model, workspace) if model else default_checkpoint(workspace)
    require_kind(entry.info, "image")
    info = build_dataset(
        workspace,
        load_collection(workspace, name),
        entry.info.input,
        name=as_name,
        group_by=group_by,
        unsure=unsure,
        splits=SplitPlan(valid=valid, test=test, seed=seed),
    )
    parts = ", ".join(f"{number} {split}" for split, number in info.split_counts.items())
    say(f"{workspace.dataset(info.name)}: {count(info.num_images, 'face')} ({parts})")
    return 0


@_APP.command(name="export")
def export(
    name: Positional[str], out: Positional[Path], *, guess: bool = False, overwrite: bool = False
) -> int:
    """Write the faces as tasks for Label Studio, with the labels given so far to be corrected.

    Args:
        name: Of the collection.
        out: The .json file to write.
        guess: Add what the model says; it biases those who see it.
        overwrite: Replace a file that exists.
    """
    from fer_core.collecting import load_collection
    from fer_core.collecting.label_studio import write_face_tasks

    for path in (out, out.parent / f"{out.stem}.xml"):  # the labelling interface
        if path.exists() and not overwrite:
            raise ConfigError(f"{path} exists already; choose another name, or add --overwrite")
    for note in (str(out), *write_face_tasks(load_collection(Workspace.default(), name), out, guess=guess)):
        say(note)
    return 0


@_APP.command(name="import")
def import_labels(name: Positional[str], source: Positional[Path]) -> int:
    """Take labels over from what Label Studio exports as JSON; read twice, nothing is doubled.

    Args:
        name: Of the collection.
        source: The export.
    """
    from fer_core.collecting import load_collection
    from fer_core.collecting.label_studio import read_face_tasks

    taken = read_face_tasks(load_collection(Workspace.default(), name), source)
    say(f"{count(taken, 'label')} taken over")
    return 0


@_APP.command(name="delete")
def delete(name: Positional[str], *, person: str | None = None, yes: bool = False) -> int:
    """Delete a collection, or one person of it: faces, labels, and the data sets made of it.

    Models that learnt from them stay: what a model has learnt can't be taken out of it.

    Args:
        name: Of the collection.
        person: Delete the faces of this person only.
        yes: Do not ask.
    """
    from fer_core.collecting import delete_collection, load_collection
    from fer_core.collecting.collection import remove_person

    workspace = Workspace.default()
    if person is not None and not person.strip():
        raise ConfigError("--person is empty; name who is to be deleted, or leave it out to delete everybody")
    what = f"all faces of {person} in {name}" if person else f"the collection {name}"
    if not (yes or is_confirmed(f"Delete {what}, and the data sets made of it? [y/N] ")):
        say("nothing was deleted")
        return 0
    if person:
        gone = remove_person(workspace, load_collection(workspace, name), person)
    else:
        gone = delete_collection(workspace, name)
    say(f"deleted {what}" + (f", and the data sets {', '.join(gone)}" if gone else ""))
    return 0
