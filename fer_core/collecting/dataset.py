"""From labelled faces to an ordinary data set, split by person or clip and never by frame."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from fer_core.checkpoint import InputSpec
from fer_core.collecting.collection import IMPORTER, Collection
from fer_core.collecting.crops import cut_for_model
from fer_core.collecting.labels import NO_FACE, UNSURE, Vote, open_labels, share_votes
from fer_core.collecting.queues import find_main_label, group_votes
from fer_core.data.derive import RELABEL_VOTES
from fer_core.data.image_writer import StreamItem, write_stream
from fer_core.data.splits import SplitPlan, assign_splits
from fer_core.data.store import VOTE_COLUMNS, VOTE_PREFIX, DatasetInfo, load_dataset_info
from fer_core.errors import CollectionError, ConfigError
from fer_core.images import load_image
from fer_core.labels import FERPLUS_NON_EMOTIONS
from fer_core.provenance import Terms
from fer_core.workspace import Workspace

if TYPE_CHECKING:
    import pandas as pd

Groups = Literal["person", "clip"]
Unsure = Literal["drop", "weigh"]
_COLUMNS: Final[Mapping[str, str]] = dict(zip((UNSURE, NO_FACE), FERPLUS_NON_EMOTIONS, strict=True))
"""The vote columns of FER+ that are no emotions."""


def build_dataset(
    workspace: Workspace,
    collection: Collection,
    spec: InputSpec,
    *,
    name: str | None = None,
    group_by: Groups = "clip",
    unsure: Unsure = "drop",
    splits: SplitPlan | None = None,
) -> DatasetInfo:
    """Write a data set of a collection's labelled faces, in place of the one made of it before.

    Votes are as in FER+, ten a face, shared among its annotators: the label modes of training make single or
    soft labels of them. Faces that most call none, or of which everybody is unsure, are left out. Besides the
    usual columns there are `clip`, `person`, `face` (the id) and `num_annotators`; `group` is one of the
    first two, so no split shares a clip or person with another.

    Args:
        workspace: where it is written.
        collection: of which.
        spec: what the model takes that will learn from it: size, colour and framing of the pictures.
        name: of the data set; the collection's if not given.
        group_by: what is never divided between splits.
        unsure: `drop` takes "unsure" for no vote; `weigh` counts it as FER+'s "unknown", which can outvote.
        splits: shares of training, validation and test; a fifth each for the latter two if not given.

    Raises:
        ConfigError: a choice is unknown, or nothing can be called that.
        CollectionError: too little is labelled, or a file is damaged.
        FerError: a data set that was made of something else has that name.
    """
    if group_by not in ("person", "clip") or unsure not in ("drop", "weigh"):
        raise ConfigError(
            f"group_by is {group_by!r} and unsure is {unsure!r}; expected person or clip, and drop or weigh"
        )
    rows = tabulate_votes(collection, unsure=unsure)
    if rows.empty:
        raise CollectionError(
            f"no face of {collection.name!r} has a label yet; label some: fer label {collection.name}"
        )
    plan = splits or SplitPlan(valid=0.2, test=0.2)
    rows["group"] = _name_groups(rows, group_by)
    labels, empty = rows["label"].to_numpy(object), np.full(len(rows), "", object)
    rows["split"] = assign_splits(labels, empty, plan, groups=rows["group"].to_numpy(object))
    target = workspace.dataset(name or collection.name)
    is_own = target.is_dir() and _is_of(load_dataset_info(target), collection)
    return write_stream(
        target,
        _iterate(collection, rows, spec),
        shape=(spec.height, spec.width) if spec.color == "gray" else (spec.height, spec.width, 3),
        describe={"importer": IMPORTER, "source": collection.name, "terms": _describe_terms(collection)},
        classes=collection.classes,
        replace=is_own,
        expected_images=len(rows),
    )


def _is_of(info: DatasetInfo, collection: Collection) -> bool:
    return info.importer == IMPORTER and info.source == collection.name


def tabulate_votes(collection: Collection, *, unsure: Unsure = "drop") -> "pd.DataFrame":
    """The labelled faces that can be learnt from, a row each, in the collection's order.

    Columns `face`, `clip`, `person`, `source`, `image_name`, `label` (the main one, empty where two are
    level), `num_annotators`, and FER+'s ten of votes, which sum to 10.

    Raises:
        CollectionError: a file is damaged.
    """
    import pandas as pd

    faces, votes = collection.load_faces(), group_votes(open_labels(collection).read())
    names = ("face", "clip", "person")
    found = []
    for face, clip, person in faces[list(names)].itertuples(index=False):
        counts = _count(votes.get(face, ()), collection.classes, unsure)
        if counts is None:
            continue
        main = find_main_label(votes[face])
        facts = {"face": face, "clip": clip, "person": person, "source": clip, "image_name": f"{face}.png"}
        label = {"label": main if main in collection.classes else "", "num_annotators": len(votes[face])}
        found.append({**facts, **label, **counts})
    columns = [*names, "source", "image_name", "label", "num_annotators", *VOTE_COLUMNS]
    return pd.DataFrame(found, columns=columns)


def _count(votes: "tuple[Vote, ...] | list[Vote]", classes: tuple[str, ...], unsure: Unsure) -> Any:
    """Votes by column, 10 in all; None for a face that nothing can be learnt from."""
    counted = [vote for vote in votes if unsure == "weigh" or vote.labels != (UNSURE,)]
    counts = dict.fromkeys(VOTE_COLUMNS, 0.0)
    for vote in counted:
        for label, share in share_votes(vote).items():
            counts[VOTE_PREFIX + _COLUMNS.get(label, label)] += RELABEL_VOTES * share / len(counted)
    best = max((counts[VOTE_PREFIX + name] for name in classes), default=0.0)
    none = max(counts[VOTE_PREFIX + name] for name in FERPLUS_NON_EMOTIONS)
    return counts if best > 0 and best >= none else None


def _name_groups(rows: "pd.DataFrame", group_by: Groups) -> "pd.Series[Any]":
    """Who or what may not be divided; where the person is not known, the clip stands for them."""
    if group_by == "clip":
        return rows["clip"]
    return rows["person"].where(rows["person"].astype(str) != "", rows["clip"])


def _iterate(collection: Collection, rows: "pd.DataFrame", spec: InputSpec) -> Iterator[StreamItem]:
    for row in rows.to_dict("records"):
        image = cut_for_model(load_image(collection.face_file(row["face"])), spec)
        yield StreamItem(image, {str(key): value for key, value in row.items()})


def _describe_terms(collection: Collection) -> tuple[Terms, ...]:
    words = "none: own recordings, kept by consent of those who are seen"
    return (
        Terms(
            source=f"collection {collection.name}",
            pictures="own pictures, videos or camera",
            picture_licence=words,
            label_licence="own labels",
            unresolved="who else may use them depends on what the people who are seen agreed to",
        ),
    )
