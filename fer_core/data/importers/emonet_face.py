"""EmoNet-Face: drawn faces in Parquet, which several experts rated in 40 categories.

Schuhmann et al., 2025, arXiv:2505.20033; huggingface.co/datasets/laion/emonet-face-hq: a column of images
and one of text, `[{'human-1': {'Positive High-Energy Emotions|Elation': 5, ...}}, ...]`, each rating from 0
to 7.

A rater votes for the category that he or she rated highest. What the categories mean is in
`emonet_face_classes.csv`; a file of that name in the source counts instead. Further ratings of a picture
were asked for almost only after a yes, so that no agreement of raters can be computed from them.
"""

import ast
import csv
import io
import warnings
from collections import Counter
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from fer_core.data.importers.base import IMPORTERS, Importer, Item, Scan
from fer_core.data.importers.parquet import ParquetPictures, find_column, guard, open_parquet, split_parts
from fer_core.data.importers.picture_index import read_text
from fer_core.data.importers.split_names import SplitNames
from fer_core.data.tree import FileTree
from fer_core.errors import DataError
from fer_core.labels import canonical_emotion

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

CLASSES_FILE: Final[str] = "emonet_face_classes.csv"
_IMAGES: Final = ("image", "path", "img", "jpg", "png")
_RATINGS: Final = ("label", "annotations", "ratings")
_MOST: Final[float] = 7.0
_MAX_CHARS: Final[int] = 200_000
"""Of the ratings of one picture; eight raters need 16,000."""
Ratings = dict[str, dict[str, float]]
"""By rater, then by category."""


def scan_emonet(tree: FileTree) -> Scan | None:
    """Read the raters' scores of every Parquet file that has such."""
    items: list[Item] = []
    skipped: list[tuple[str, str]] = []
    meanings: Mapping[str, str] = {}
    files = [name for name in tree.names() if name.lower().endswith(".parquet")]
    split_names = SplitNames(map(split_parts, files))
    for name in files:
        file = open_parquet(tree, name)
        column, image = _find_ratings(file.schema_arrow), find_column(file.schema_arrow, _IMAGES)
        if column is None or image is None or file.metadata.num_rows == 0:
            continue
        values = guard(name, partial(_read_values, file, column))
        meanings = meanings or load_classes(tree)
        if not _is_rated(values, meanings):
            continue
        split, _ = split_names.find(split_parts(name))
        for row, value in enumerate(values):
            path = f"{name}#{row}"
            raters = tuple(_find_highest(scores) for scores in parse_ratings(value, path).values())
            named = Counter(category for tops in raters for category in tops)
            if not named:
                skipped.append((path, "no rater saw any of the categories"))
                continue
            label = min(named, key=lambda category: (-named[category], category))
            items.append(Item(path=path, label=label, split=split, raters=raters))
    if not items:
        return None
    note = (
        "a rater's vote is the category rated highest; what the 40 categories mean is a choice that can be "
        f"changed with --map, or with a file {CLASSES_FILE} in the source"
    )
    return Scan(
        tuple(items),
        tuple(skipped),
        meanings,
        reader=partial(ParquetPictures, columns=_IMAGES),
        notes=(note,),
    )


def _read_values(file: "pq.ParquetFile", column: str) -> list[Any]:
    values: list[Any] = file.read(columns=[column]).column(0).to_pylist()
    return values


def load_classes(tree: FileTree) -> dict[str, str]:
    """Emotion of each category, empty to leave it out: by the file in the tree, else by this program's.

    Raises:
        DataError: a line is not `category,emotion`.
    """
    found = next((name for name in tree.names() if name.rpartition("/")[2] == CLASSES_FILE), None)
    text = read_text(tree, found) if found else (Path(__file__).parent / CLASSES_FILE).read_text("utf-8")
    meanings = {}
    try:
        for number, row in enumerate(csv.reader(io.StringIO(text, newline="")), 1):
            if number == 1 or not row:
                continue
            if len(row) != 2:
                raise DataError(
                    f"{CLASSES_FILE}, line {number}: {len(row)} fields; expected category,emotion"
                )
            meanings[row[0].strip()] = canonical_emotion(row[1]) if row[1].strip() else ""
    except csv.Error as cause:
        raise DataError(f"{CLASSES_FILE} can't be read as CSV: {cause}") from cause
    return meanings


def _find_ratings(schema: "pa.Schema") -> str | None:
    """The column of ratings: text or a record, no number."""
    import pyarrow as pa

    name = find_column(schema, _RATINGS)
    if name is None:
        return None
    kind = schema.field(name).type
    is_record = pa.types.is_nested(kind)
    return name if is_record or pa.types.is_string(kind) or pa.types.is_large_string(kind) else None


def _is_rated(values: list[Any], meanings: Mapping[str, str]) -> bool:
    """Whether the first value has the form of ratings, in categories of which most are known."""
    try:
        categories = {category for scores in parse_ratings(values[0], "").values() for category in scores}
    except DataError:
        return False
    return bool(categories) and 2 * len(categories & set(meanings)) > len(categories)


def parse_ratings(value: Any, place: str) -> Ratings:
    """The ratings of one picture.

    Args:
        value: a list of records or one, by rater then category, or the same as text.
        place: for messages.

    Raises:
        DataError: it has another form, or a rating is not from 0 to 7.

    Examples:
        >>> parse_ratings("[{'human-1': {'Negative High-Energy Emotions|Anger': 4}}]", "")
        {'human-1': {'Anger': 4.0}}
    """
    if isinstance(value, str):
        value = _parse_text(value, place)
    ratings: Ratings = {}
    for record in value if isinstance(value, list) else [value]:
        if not isinstance(record, dict):
            raise DataError(f"{place}: {str(record)[:80]!r}; expected ratings by rater and category")
        for rater, scores in record.items():
            if scores is None:
                continue
            if not isinstance(scores, dict):
                raise DataError(
                    f"{place}: {str(scores)[:80]!r} by {str(rater)[:40]}; expected ratings by category"
                )
            ratings.setdefault(str(rater), {}).update(
                {
                    _name(category): _check(score, place)
                    for category, score in scores.items()
                    if score is not None
                }
            )
    return ratings


def _parse_text(text: str, place: str) -> Any:
    if len(text) > _MAX_CHARS:
        raise DataError(f"{place}: ratings of {len(text):,} characters; expected {_MAX_CHARS:,} at most")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about escapes in the text
            return ast.literal_eval(text.strip())  # plain values only: nothing is run
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError) as cause:
        raise DataError(f"{place}: {text[:80]!r} can't be read as ratings by rater and category") from cause


def _name(category: object) -> str:
    """Without its family."""
    return str(category).rpartition("|")[2].strip()


def _check(score: object, place: str) -> float:
    if isinstance(score, (int, float)) and 0 <= score <= _MOST:
        return float(score)
    raise DataError(f"{place}: rating {str(score)[:40]!r}; expected 0 to 7")


def _find_highest(scores: dict[str, float]) -> tuple[str, ...]:
    """The category rated highest, several at a tie, none if all are 0."""
    highest = max(scores.values(), default=0.0)
    return tuple(sorted(name for name, score in scores.items() if score == highest > 0))


IMPORTERS.register("emonet-face")(
    Importer(title="EmoNet-Face's Parquet files with raters' scores", scan=scan_emonet, priority=48)
)
