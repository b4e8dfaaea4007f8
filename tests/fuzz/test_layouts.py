"""Published data sets of which a list, an array or a name is damaged."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fer_core.data.importers.base import is_picture
from fer_core.data.importers.choosing import find_source
from fer_core.data.importers.pictures import resolve_mapping
from tests.fuzz.harness import EDITS, MemoryTree, attempt, edit_bytes, inputs
from tests.unit.data import layouts

LAYOUTS = {
    "raf-db": layouts.rafdb, "raf-db of kaggle": layouts.rafdb_of_kaggle, "ck-plus": layouts.ck_plus,
    "ck-plus-48": layouts.ck_plus_48, "jaffe": layouts.jaffe, "kdef": layouts.kdef, "sfew": layouts.sfew,
    "oulu-casia": layouts.oulu_casia, "affectnet": layouts.affectnet, "affectnet csv": layouts.affectnet_csv,
    "aff-wild2": layouts.aff_wild, "expw": layouts.expw, "ferv39k": layouts.ferv39k, "dfew": layouts.dfew,
    "emonet-face": lambda: layouts.emonet() | {"emonet_face_classes.csv": "category,emotion\nAnger,anger\n"},
    "emonet-face ratings": layouts.emonet,
}  # fmt: skip
NO_EDITS = st.just(())


def _damage(files, place, content_edits, name_edits):
    """Damage what one file says, and how one is called; a tree makes names readable."""
    files = {name: data if isinstance(data, bytes) else data.encode() for name, data in files.items()}
    said = [name for name in files if not is_picture(name)]
    if said:
        name = said[int(place * len(said))]
        files[name] = edit_bytes(files[name], content_edits)
    names = list(files)
    name = names[int((1 - place) * (len(names) - 1))]
    files[edit_bytes(name.encode(), name_edits).decode(errors="replace")] = files.pop(name)
    return files


@pytest.mark.parametrize("name", LAYOUTS)
@given(
    place=st.floats(0, 1, exclude_max=True),
    content_edits=st.one_of(EDITS, NO_EDITS),
    name_edits=st.one_of(EDITS, NO_EDITS, NO_EDITS),
)
@inputs(0.5)
def test_damaged_layout(name, place, content_edits, name_edits):
    files = LAYOUTS[name]()
    if name == "emonet-face ratings":  # the text in the table: a damaged Parquet seldom gets so far
        text = edit_bytes(layouts.EMONET_RATINGS[0].encode(), content_edits).decode(errors="replace")
        files = {"a.parquet": layouts.emonet_parquet([layouts.EMONET_RATINGS[1], text])}
        content_edits = ()
    tree = MemoryTree(_damage(files, place, content_edits, name_edits))

    def work():
        scan = find_source(tree, Path("memory")).scan
        resolve_mapping(scan)
        return scan

    def check(scan):
        known = set(tree.names())
        assert scan.items and all(
            item.path.rpartition("#")[0] in known or item.path in known for item in scan.items
        )

    attempt(f"layout of {name}", work, check=check)
