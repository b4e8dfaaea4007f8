"""What a person decided about single images: keep, exclude, relabel. Kept on disk as they are made."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Literal, get_args

import filelock

from fer_core.data.derive import Derivation
from fer_core.data.store import Dataset
from fer_core.errors import DataError
from fer_core.io import hold_lock, read_json, write_json
from fer_core.workspace import Workspace, validate_name

SCHEMA_VERSION: Final[int] = 1
_LOCK_S: Final[float] = 10.0

Action = Literal["keep", "exclude", "relabel"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """About one image."""

    action: Action
    label: str = ""
    """The new label, if it is to be relabelled."""
    reason: str = ""
    """What it was about, for example `exact copy`."""

    def __post_init__(self) -> None:
        if self.action not in get_args(Action) or bool(self.label) != (self.action == "relabel"):
            raise DataError(
                f"the decision {self.action!r} with label {self.label!r} makes no sense; expected keep or "
                "exclude without a label, or relabel with one"
            )


Decisions = Mapping[int, Decision]
"""By row."""


def decisions_path(dataset: Dataset, workspace: Workspace) -> Path:
    """File of the decisions on this state of a data set; another state has a file of its own."""
    name = validate_name(dataset.name, "data set")
    return workspace.root / "decisions" / f"{name}-{dataset.info.fingerprint[:12]}.json"


def load_decisions(dataset: Dataset, workspace: Workspace) -> dict[int, Decision]:
    """Decisions by row, ascending; empty if there are none.

    Raises:
        DataError: the file is damaged.
    """
    path = decisions_path(dataset, workspace)
    if not path.is_file():
        return {}
    value = read_json(path, DataError)
    if value.get("schema_version") != SCHEMA_VERSION:
        raise DataError(
            f"{path} has schema_version {value.get('schema_version')!r}; expected {SCHEMA_VERSION}"
        )
    try:
        found = {int(row): Decision(**item) for row, item in value["rows"].items()}
        _check(dataset, found)
    except (KeyError, TypeError, ValueError, AttributeError) as cause:
        raise DataError(f"{path} holds no decisions by row: {cause!r}; move it away to begin anew") from cause
    except DataError as cause:
        raise DataError(f"{path} is damaged: {cause}; move it away to begin anew") from cause
    return dict(sorted(found.items()))


def decide(
    dataset: Dataset, workspace: Workspace, changes: Mapping[int, Decision | None]
) -> dict[int, Decision]:
    """Add, change or (None) take back decisions, on disk at once; returns all there are now.

    Raises:
        DataError: a row or label that the data set does not have, or the file is damaged.
        StorageError: the file can't be written.
    """
    _check(dataset, {row: item for row, item in changes.items() if item is not None})
    path = decisions_path(dataset, workspace)
    try:
        # Two tabs may decide at once: each reads what the other wrote.
        with hold_lock(path.with_suffix(".lock"), timeout_s=_LOCK_S):
            decisions: dict[int, Decision | None] = {**load_decisions(dataset, workspace), **changes}
            kept = {row: item for row, item in sorted(decisions.items()) if item is not None}
            write_json(path, _to_dict(dataset, kept))
    except filelock.Timeout as cause:
        raise DataError(f"{path} is being written by another program; try again") from cause
    return kept


def _to_dict(dataset: Dataset, decisions: Decisions) -> dict[str, Any]:
    return {
        "schema_version": SCHEMA_VERSION,
        "dataset": dataset.name,
        "fingerprint": dataset.info.fingerprint,
        "rows": {str(row): asdict(item) for row, item in decisions.items()},
    }


def _check(dataset: Dataset, decisions: Decisions) -> None:
    for row, item in decisions.items():
        if not 0 <= row < len(dataset.samples):
            raise DataError(f"row {row} is not in {dataset.name!r}; it has {len(dataset.samples):,} rows")
        if item.label and item.label not in dataset.info.classes:
            known = ", ".join(dataset.info.classes)
            raise DataError(f"row {row}: {item.label!r} is none of the classes {known}")


def summarise_decisions(decisions: Decisions) -> str:
    """In words: `294 excluded (280 exact copy, 14 blank), 2 relabelled (2 label error)`."""
    words = {"exclude": "excluded", "relabel": "relabelled", "keep": "looked at and kept"}
    parts = []
    for action, word in words.items():
        reasons = Counter(item.reason or "no reason" for item in decisions.values() if item.action == action)
        if reasons:
            why = ", ".join(f"{count:,} {reason}" for reason, count in reasons.most_common())
            parts.append(f"{reasons.total():,} {word} ({why})")
    return ", ".join(parts) or "nothing decided"


def build_derivation(decisions: Decisions, *, reason: str = "", **changes: Any) -> Derivation:
    """What the decisions amount to, for `derive_dataset`.

    Args:
        decisions: by row.
        reason: the user's own words; a summary of the decisions follows them.
        changes: further fields of `Derivation`, such as `classes` or `balance`.
    """
    summary = summarise_decisions(decisions)
    return Derivation(
        exclude=frozenset(row for row, item in decisions.items() if item.action == "exclude"),
        relabel={row: item.label for row, item in decisions.items() if item.action == "relabel"},
        reason=f"{reason.strip()}: {summary}" if reason.strip() else summary,
        **changes,
    )
