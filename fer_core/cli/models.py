"""`fer models`: list, show, import, export, delete and push models, and their cards."""

import json
import shlex
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

from tyro.conf import Positional, arg
from tyro.extras import SubcommandApp

from fer_core.cli.terminal import build_console, is_confirmed, run_subcommand, say
from fer_core.errors import CheckpointError
from fer_core.provenance import answer_use, judge_use
from fer_core.workspace import Workspace

if TYPE_CHECKING:
    from fer_core.exchange.facts import ModelFacts

_APP: Final = SubcommandApp()


def parse(arguments: list[str]) -> int:
    """Run one of the subcommands; without one the models are listed."""
    return run_subcommand(_APP, "fer models", "Models of this machine.", arguments)


def _load(reference: str) -> "ModelFacts":
    from fer_core.checkpoint import find_checkpoint
    from fer_core.exchange.facts import build_facts

    workspace = Workspace.default()
    return build_facts(find_checkpoint(reference, workspace), workspace)


@_APP.command(name="list")
def list_all(*, json_output: Annotated[bool, arg(name="json")] = False) -> int:
    """List the models: shipped, imported and trained. This is what `fer models` does by itself.

    Args:
        json_output: Print JSON instead of a table.
    """
    from rich.table import Table

    from fer_core.exchange.facts import list_models

    models, damaged = list_models(Workspace.default())
    if json_output:
        say(json.dumps([_describe(facts) for facts in models], indent=2))
        return 0
    if not models:
        say("no models yet; train one with: fer train --preset quick")
    else:
        table = Table("model", "from", "input", "parameters", "MB", "accuracy", "macro-F1", "n", box=None)
        for facts in models:
            table.add_row(
                facts.key,
                facts.kind,
                str(facts.entry.info.input),
                f"{facts.entry.info.num_parameters:,}",
                f"{facts.num_bytes / 1e6:.1f}",
                _format_fraction(facts.figures.get("accuracy")),
                _format_fraction(facts.figures.get("macro_f1")),
                f"{facts.n:,}" if facts.n else "",
            )
        build_console().print(table)
    for key, reason in damaged.items():
        say(f"{key} can't be read: {reason}")
    return 0


@_APP.command
def default(model: Annotated[Positional[str], arg(metavar="MODEL")] = "") -> int:
    """Use a model wherever nobody names one; without a name, say which that is.

    Args:
        model: Its name as `fer models` lists it; `fer-small` is the shipped choice.
    """
    from fer_core.checkpoint import choose_default, default_checkpoint

    workspace = Workspace.default()
    if model:
        choose_default(model, workspace)
    say(default_checkpoint(workspace).key)
    return 0


def _format_fraction(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


def _describe(facts: "ModelFacts") -> dict[str, Any]:
    return {
        "key": facts.key,
        "kind": str(facts.kind),
        "folder": str(facts.entry.folder),
        "num_bytes": facts.num_bytes,
        "figures": dict(facts.figures),
        "protocol": facts.protocol,
        "n": facts.n,
        "figures_from": facts.source,
        "latency": facts.latency and asdict(facts.latency),
        "licence": facts.licence,
        "commercial_use": judge_use(facts.terms),
        **facts.entry.info.to_dict(),
    }


@_APP.command
def show(name: Positional[str], *, json_output: Annotated[bool, arg(name="json")] = False) -> int:
    """Show what is known about a model.

    Args:
        name: The model: a shipped or brought-in one, a run, or a folder.
        json_output: Print JSON instead.
    """
    from rich.table import Table

    facts = _load(name)
    if json_output:
        say(json.dumps(_describe(facts), indent=2))
        return 0
    table = Table(show_header=False)
    for label, value in _summarise(facts).items():
        if value:
            table.add_row(label, value)
    build_console().print(table)
    return 0


def _summarise(facts: "ModelFacts") -> dict[str, str]:
    info, data, latency = facts.entry.info, facts.entry.info.data, facts.latency
    arguments = ", ".join(f"{key} = {value}" for key, value in info.arguments.items())
    figures = ", ".join(f"{key} {value:.4f}" for key, value in facts.figures.items())
    measured = f"{facts.protocol}, n = {facts.n:,}" + ("" if facts.source == "report" else " (as it states)")
    return {
        "model": facts.key,
        "folder": str(facts.entry.folder),
        "from": f"{facts.kind}, run {facts.run}" if facts.run else str(facts.kind),
        "architecture": info.architecture + (f" ({arguments})" if arguments else ""),
        "classes": ", ".join(info.classes),
        "input": f"{info.input}, mean {info.input.mean}, std {info.input.std}",
        "size": f"{info.num_parameters:,} parameters, {facts.num_bytes / 1e6:.1f} MB",
        "temperature": f"{info.temperature:.4f}",
        "figures": f"{figures}\n{measured}" if figures else "",
        "latency": "" if latency is None else f"{latency.ms:.2f} ms per face ({latency.describe()})",
        "trained on": f"{data['name']}, fingerprint {str(data.get('fingerprint', ''))[:12]}"
        if data.get("name")
        else "",
        "terms of the data": "\n".join(item.describe() for item in facts.terms) or "not known",
        "pictures": "\n".join(f"{item.source}: {item.pictures}" for item in facts.terms if item.pictures),
        "commercial use": answer_use(facts.terms),
        "weights": f"SHA-256 {info.weights_sha256}",
    }


@_APP.command(name="import")
def import_files(files: Positional[tuple[Path, ...]], *, name: str = "") -> int:
    """Import a model of someone else. Everything is checked first, and nothing is ever unpickled.

    Args:
        files: A zip, a folder, or model.json and the .safetensors that belongs to it.
        name: What to call it; what it calls itself, if not given.
    """
    from fer_core.exchange.model_import import import_model

    with build_console(stderr=True).status("Checking…") as status:
        done = import_model(
            files, Workspace.default(), name=name, on_step=lambda text: status.update(f"{text}…")
        )
    for ignored in done.ignored:
        say(f"left out {ignored}: no part of a model")
    if done.left_out:
        say(f"left out {', '.join(done.left_out)}: {done.explain_left_out()}")
    command = shlex.join(["fer", "models", "show", done.entry.key])
    say(f"{done.entry.key} is at {done.entry.folder}; see it with: {command}")
    return 0


@_APP.command(name="zip")
def write(name: Positional[str], target: Positional[Path | None] = None) -> int:
    """Write a model as one zip: description, weights, ONNX files, card, and how to use them.

    Args:
        name: The model.
        target: The file; MODEL.zip in this folder, if not given.
    """
    from fer_core.exchange.model_zip import get_short_name, write_zip

    entry = _load(name).entry
    path = write_zip(entry, target or Path(f"{get_short_name(entry)}.zip"))
    say(f"{path}: {path.stat().st_size / 1e6:.1f} MB")
    return 0


@_APP.command
def delete(names: Positional[tuple[str, ...]], *, yes: bool = False) -> int:
    """Delete brought-in or published models. A run's model goes with its run: fer runs delete.

    Args:
        names: The models.
        yes: Do not ask.
    """
    from fer_core.exchange.removal import delete_model, explain_loss, explain_protection

    workspace = Workspace.default()
    for name in names:
        entry = _load(name).entry
        if reason := explain_protection(entry, workspace):
            raise CheckpointError(reason)
        if not yes and not is_confirmed(
            f"{explain_loss(entry, workspace)}delete model {name} with its card and exports? [y/N] "
        ):
            say(f"kept {name}")
            continue
        delete_model(entry, workspace)
        say(f"deleted {name}")
    return 0


@_APP.command
def card(name: Positional[str], *, file: Path | None = None) -> int:
    """Print a model's card, or replace it.

    Args:
        name: The model.
        file: Markdown to replace it with.
    """
    from fer_core.exchange.card import decode_card, load_card, save_card

    entry = _load(name).entry
    known = load_card(entry.folder)
    if file is None:
        say(
            known or f"{name} has no card; write one with: fer models card {shlex.quote(name)} --file CARD.md"
        )
        return 0
    try:
        data = file.read_bytes()
    except OSError as cause:
        raise CheckpointError(f"{file} can't be read: {cause.strerror}") from cause
    save_card(entry.folder, decode_card(data, source=str(file)), based_on=known)
    say(f"{name} has the card of {file}")
    return 0


@_APP.command
def push(name: Positional[str], repo: Positional[str], *, public: bool = False) -> int:
    """Upload a model to the Hugging Face Hub. Log in first: hf auth login.

    Args:
        name: The model.
        repo: Repository to upload to, as owner/name, or a name that you will own.
        public: Let everybody see a repository that is made by this; it is private otherwise.
    """
    from fer_core.exchange.hub import push_to_hub

    entry = _load(name).entry
    address = push_to_hub(entry, repo, private=not public, on_step=lambda text: say(f"{text}…"))
    say(f"{name} is at {address}")
    return 0
