"""Kept analyses that a test makes for itself."""

from collections.abc import Sequence
from datetime import UTC, datetime

from fer_core.analyses import TABLE_FILE, AnalysisRecord, KeptModel, KeptSource, keep_analysis
from fer_core.inference.pipeline import FIXED_COLUMNS
from fer_core.results import build_schema, write_table
from fer_core.workspace import Workspace

CLASSES = ("neutral", "happiness", "anger")
Face = tuple[str, tuple[float, float, float, float], tuple[float, float, float]]
"""Name of the picture, box, probabilities."""


def keep_faces(
    workspace: Workspace,
    name: str,
    faces: Sequence[Face],
    *,
    empty: Sequence[str] = (),
    owner: str = "",
    **facts: object,
) -> str:
    """Keep an analysis of pictures with these faces, and return its id; a picture's name is its checksum."""
    rows = [{"source": picture, "num_faces": 0} for picture in empty]
    for picture, (x, y, width, height), shares in faces:
        label = CLASSES[max(range(len(CLASSES)), key=shares.__getitem__)]
        box = {"x": x, "y": y, "width": width, "height": height}
        row = {"source": picture, "num_faces": 1, "label": label, "confidence": max(shares)}
        rows.append(row | box | dict(zip(CLASSES, shares, strict=True)))
    pictures = dict.fromkeys([*(face[0] for face in faces), *empty])
    record = {
        "model": KeptModel(name="small", sha256="a" * 64),
        "detector": "haar",
        "settings": {"prior": "training"},
    }
    with keep_analysis(workspace, name, owner) as draft:
        write_table(draft.folder / TABLE_FILE, rows, build_schema(("source", *FIXED_COLUMNS), CLASSES))
        draft.record = AnalysisRecord(
            kind="pictures",
            created=datetime(2026, 11, 28, 7, 30, tzinfo=UTC),
            classes=CLASSES,
            sources=tuple(
                KeptSource(name=item, sha256=item.ljust(64, "0"), width_px=100, height_px=100)
                for item in pictures
            ),
            **record | facts,
        )
    return draft.key
