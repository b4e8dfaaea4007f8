import json

import numpy as np
import pandas as pd
import pytest

from fer_core.data.decisions import (
    Decision,
    build_derivation,
    decide,
    decisions_path,
    load_decisions,
    summarise_decisions,
)
from fer_core.data.derive import derive_dataset
from fer_core.data.flaws import find_flaws, flaws_path, load_flaws
from fer_core.data.store import load_dataset, write_dataset
from fer_core.errors import DataError


@pytest.fixture
def data(workspace):
    images = np.random.default_rng(0).integers(0, 256, (20, 24, 24), dtype=np.uint8)
    images[7] = images[2]
    images[15] = images[2]
    images[11] = 9
    samples = pd.DataFrame(
        {
            "split": ["train"] * 14 + ["test"] * 6,
            "label": ["anger", "fear"] * 10,
            "source": "s",
            "image_name": "",
        }
    )
    write_dataset(
        workspace.dataset("faces"),
        images=images,
        samples=samples,
        classes=("anger", "fear"),
        importer="t",
        source="s",
    )
    return load_dataset(workspace.dataset("faces"))


def test_decisions_survive_and_become_a_data_set(data, workspace):
    assert load_decisions(data, workspace) == {}
    decide(data, workspace, {15: Decision(action="exclude", reason="exact copy")})
    decide(data, workspace, {3: Decision(action="relabel", label="anger"), 4: Decision(action="keep")})
    found = load_decisions(data, workspace)
    assert list(found) == [3, 4, 15]
    assert summarise_decisions(found) == (
        "1 excluded (1 exact copy), 1 relabelled (1 no reason), 1 looked at and kept (1 no reason)"
    )
    derive_dataset(data, workspace.dataset("clean"), build_derivation(found, reason="by eye"))
    child = load_dataset(workspace.dataset("clean"))
    assert len(child.images) == 19
    assert child.samples["label"][3] == "anger"
    operation = child.info.history[0]["operation"]
    assert operation["exclude"] == [15] and operation["relabel"] == {"3": "anger"}
    assert operation["reason"].startswith("by eye: 1 excluded")
    assert load_decisions(child, workspace) == {}
    assert decide(data, workspace, {15: None, 3: None}) == {4: Decision(action="keep")}


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({20: Decision(action="keep")}, "row 20"),
        ({-1: Decision(action="keep")}, "row -1"),
        ({2: Decision(action="relabel", label="joy")}, "none of the classes"),
    ],
)
def test_what_the_data_set_does_not_have_is_refused(data, workspace, changes, match):
    with pytest.raises(DataError, match=match):
        decide(data, workspace, changes)
    assert not decisions_path(data, workspace).exists()


@pytest.mark.parametrize(
    "options", [{"action": "drop"}, {"action": "relabel"}, {"action": "keep", "label": "fear"}]
)
def test_decisions_make_sense(options):
    with pytest.raises(DataError, match="makes no sense"):
        Decision(**options)


@pytest.mark.parametrize(
    "content", ["{", "[]", "{}", '{"schema_version": 1}', '{"schema_version": 1, "rows": {"a": {}}}']
)
def test_a_damaged_file_is_named(data, workspace, content):
    path = decisions_path(data, workspace)
    path.parent.mkdir()
    path.write_text(content)
    with pytest.raises(DataError, match=path.name):
        load_decisions(data, workspace)
    with pytest.raises(DataError, match=path.name):
        decide(data, workspace, {1: Decision(action="keep")})
    assert path.read_text() == content


def test_flaws_are_looked_for_once(data, workspace):
    assert load_flaws(data, workspace) is None
    steps = []
    flaws = find_flaws(data, workspace, lambda done, total: steps.append((done, total)))
    assert steps[-1] == (40, 40) and steps == sorted(steps)
    assert flaws.duplicates.groups == ((2, 7, 15),)
    assert flaws.blank.tolist() == flaws.constant.tolist() == [11]
    again = find_flaws(data, workspace, lambda done, total: pytest.fail("looked again"))
    assert again.duplicates.groups == flaws.duplicates.groups
    assert again.duplicates.near_pairs.tolist() == flaws.duplicates.near_pairs.tolist()
    flaws_path(data, workspace).write_bytes(b"half")
    assert load_flaws(data, workspace) is None
    assert find_flaws(data, workspace).duplicates.groups == flaws.duplicates.groups


def test_cancelled_search_leaves_nothing(data, workspace):
    def stop(_done, _total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        find_flaws(data, workspace, stop)
    assert load_flaws(data, workspace) is None


def test_decisions_are_readable_without_this_program(data, workspace):
    decide(data, workspace, {1: Decision(action="exclude", reason="blank")})
    value = json.loads(decisions_path(data, workspace).read_text())
    assert value["schema_version"] == 1
    assert value["fingerprint"] == data.info.fingerprint
    assert value["rows"] == {"1": {"action": "exclude", "label": "", "reason": "blank"}}
