"""The form of a new search: where it begins, what may vary, how many trials."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import streamlit as st

from app.shared.messages import show_error
from app.tune.state import Key
from fer_core.config import list_presets, load_preset
from fer_core.config.fields import FieldSpec, list_fields
from fer_core.errors import ConfigError, FerError
from fer_core.jobs import clone_config
from fer_core.runs.reader import list_runs, load_run
from fer_core.sweeps import Choice, Range, SweepSettings, create_sweep, launch_worker
from fer_core.sweeps.store import PRUNERS, Pruner
from fer_core.workspace import Workspace

_RUN: Final[str] = "run: "


def render_new_sweep(workspace: Workspace) -> None:
    """Show the form; its button makes the search and starts a worker."""
    titles = {_RUN + run.name: _RUN + run.title for run in list_runs(workspace)[:50]}
    sources = [*list_presets(), *titles]
    first, second, third, fourth = st.columns(4)
    name = first.text_input("Name", "search-1", key=Key.SWEEP_NAME)
    source = second.selectbox(
        "Begin with",
        sources,
        index=sources.index("quick"),
        format_func=lambda source: titles.get(source, source),
        help="A preset, or the settings of a run.",
    )
    num_trials = third.number_input("Trials", 1, 10_000, 20, help="Runs to try.")
    epochs = fourth.number_input("Epochs of each", 1, 1000, 4)
    rows = st.data_editor(
        [_suggest_row(spec) for spec in list_fields().values() if spec.limits and spec.limits.search],
        num_rows="dynamic",
        column_config=_columns(),
        key=Key.SWEEP_SPACE,
        width="stretch",
    )
    pruner: Pruner | None = st.segmented_control(
        "Stop unpromising trials",
        PRUNERS,
        default="median",
        help="`median`: worse than half of the others at the same epoch. `hyperband`: rounds of elimination.",
    )
    if st.button("Start searching", type="primary", icon=":material/play_arrow:"):
        try:
            config = load_preset(source) if not source.startswith(_RUN) else _load(source, workspace)
            settings = SweepSettings(
                base=_with_epochs(config, int(epochs)), space=build_space(rows), pruner=pruner or "none"
            )
            sweep = create_sweep(name.strip(), settings, workspace)
            launch_worker(sweep, workspace, num_trials=int(num_trials))
        except FerError as error:
            show_error(error)
            return
        st.query_params["sweep"] = sweep.name
        st.rerun()


def _suggest_row(spec: FieldSpec) -> dict[str, Any]:
    """A row of the table for a setting that declares where a search usefully looks."""
    assert spec.limits is not None and spec.limits.search is not None
    low, high = map(float, spec.limits.search)
    return {"setting": spec.path, "low": low, "high": high, "log": spec.limits.log, "choices": ""}


def _columns() -> Mapping[str, Any]:
    column = st.column_config
    return {
        "setting": column.SelectboxColumn(
            "Setting",
            options=sorted(path for path, spec in list_fields().items() if spec.kind != "dict"),
            required=True,
            width="medium",
        ),
        "low": column.NumberColumn("From", format="%g"),
        "high": column.NumberColumn("To", format="%g"),
        "log": column.CheckboxColumn("Logarithmic", default=False),
        "choices": column.TextColumn("Or one of (comma-separated)", default=""),
    }


def _load(source: str, workspace: Workspace) -> Any:
    return clone_config(load_run(workspace.run(source.removeprefix(_RUN))))


def _with_epochs(config: Any, epochs: int) -> Any:
    import dataclasses

    return dataclasses.replace(config, epochs=epochs)


def build_space(rows: Sequence[Mapping[str, Any]]) -> dict[str, Range | Choice]:
    """The search space that the table's rows describe.

    Args:
        rows: with `setting`, and either `choices` (comma between) or `low` and `high` (`log`). Without
            any, a setting that declares where a search usefully looks varies there.

    Raises:
        ConfigError: a row is incomplete, or a setting comes twice.
    """
    specs = list_fields()
    space: dict[str, Range | Choice] = {}
    for row in rows:
        name = str(row.get("setting") or "")
        if name not in specs:
            raise ConfigError("a row names no setting; choose one, or delete the row")
        if name in space:
            raise ConfigError(f"{name} appears twice; delete one of the rows")
        space[name] = _build_entry(specs[name], row)
    if not space:
        raise ConfigError("no setting varies; add at least one row to the table")
    return space


def _build_entry(spec: FieldSpec, row: Mapping[str, Any]) -> Range | Choice:
    words = [word.strip() for word in str(row.get("choices") or "").split(",") if word.strip()]
    if words:
        return Choice(choices=tuple(_parse(spec, word) for word in words))
    if spec.kind == "bool":
        return Choice(choices=(False, True))
    if spec.kind == "choice":
        return Choice(choices=spec.choices)
    if spec.limits and spec.limits.search and row.get("low") is row.get("high") is None:
        row = _suggest_row(spec)
    low, high = row.get("low"), row.get("high")
    if spec.kind == "str" or low is None or high is None:
        raise ConfigError(f"{spec.path} needs both ends of its range, or values with commas between them")
    if spec.kind == "int":
        return Range(low=int(low), high=int(high), log=bool(row.get("log")))
    return Range(low=float(low), high=float(high), log=bool(row.get("log")))


def _parse(spec: FieldSpec, word: str) -> bool | int | float | str:
    try:
        if spec.kind == "int":
            return int(word)
        if spec.kind == "float":
            return float(word)
    except ValueError as cause:
        raise ConfigError(f"{spec.path}: {word!r} is no {spec.kind}") from cause
    if spec.kind == "bool":
        return word.lower() in ("true", "yes", "1")
    return word
