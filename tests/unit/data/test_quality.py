import json
from typing import get_args

import numpy as np
import pandas as pd
import pytest

from fer_core.config import LabelMode
from fer_core.data.derive import Derivation, derive_dataset
from fer_core.data.duplicates import compute_marks, find_duplicates
from fer_core.data.exporting import export_dataset
from fer_core.data.importers.pictures import PictureOptions, import_pictures
from fer_core.data.label_quality import (
    compute_label_flow,
    compute_vote_entropy,
    find_label_errors,
    name_classes,
)
from fer_core.data.splits import SplitPlan, assign_splits
from fer_core.data.store import VOTE_COLUMNS, load_dataset, verify_dataset, write_dataset
from fer_core.data.suspected_labels import Suspect, find_suspects, load_suspects, note_suspects
from fer_core.data.synthetic import generate_schematic_faces
from fer_core.data.targets import compute_targets
from fer_core.errors import ConfigError, DataError
from fer_core.labels import EMOTIONS


@pytest.fixture(scope="module")
def faces():
    return generate_schematic_faces(60, seed=3)


def write(folder, images, *, splits=None, labels=None, **columns):
    count = len(images)
    samples = pd.DataFrame(
        {
            "split": splits if splits is not None else ["train"] * count,
            "label": labels if labels is not None else ["anger", "fear"] * (count // 2),
            "source": [f"row {row}" for row in range(count)],
            "image_name": "",
            **columns,
        }
    )
    write_dataset(
        folder,
        images=images,
        samples=samples,
        classes=("anger", "fear"),
        importer="t",
        source="s",
    )
    return load_dataset(folder)


def test_entropy_of_votes():
    votes = np.zeros((3, 10))
    votes[0, 1], votes[1, :2] = 10, 5
    entropy = compute_vote_entropy(votes)
    assert entropy[:2].tolist() == [0, 1]
    assert np.isnan(entropy[2])


def test_planted_label_errors_come_first():
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 3, 300)
    chances = np.full((300, 3), 0.05)
    chances[np.arange(300), truth] = 0.9
    given = truth.copy()
    given[:5] = (given[:5] + 1) % 3
    assert set(find_label_errors(given, chances).tolist()) == {0, 1, 2, 3, 4}
    with pytest.raises(DataError, match="shape"):
        find_label_errors(given, chances[:9])


def test_splits_are_stratified_seeded_and_leave_what_is_there():
    labels = np.array(["a"] * 100 + ["b"] * 20, object)
    empty = np.full(120, "", object)
    plan = SplitPlan(valid=0.1, test=0.2, seed=4)
    splits = assign_splits(labels, empty, plan)
    for name, size in (("a", 100), ("b", 20)):
        part = splits[labels == name]
        assert [(part == split).sum() / size for split in ("train", "valid", "test")] == [0.7, 0.1, 0.2]
    assert (splits == assign_splits(labels, empty, plan)).all()
    assert (splits != assign_splits(labels, empty, SplitPlan(valid=0.1, test=0.2, seed=5))).any()
    fixed = np.where(np.arange(120) < 30, "test", "").astype(object)
    assert (assign_splits(labels, fixed, plan)[:30] == "test").all()
    with pytest.raises(ConfigError, match="leave some"):
        SplitPlan(valid=0.5, test=0.5)


def test_a_person_is_never_on_two_sides():
    groups = np.array([f"p{index % 30}" for index in range(300)], object)
    labels = np.array(["a", "b"] * 150, object)
    splits = np.full(300, "", object)
    splits[0] = "test"  # p0 is in the test already
    result = assign_splits(labels, splits, SplitPlan(valid=0.2, test=0.2), groups=groups)
    assert all(len(set(result[groups == name])) == 1 for name in set(groups))
    assert (result[groups == "p0"] == "test").all()
    assert {name: (result == name).sum() for name in ("valid", "test")} == pytest.approx(
        {"valid": 60, "test": 60}, abs=10
    )


def test_deriving_records_history_and_leaves_the_parent(tmp_path, faces):
    parent = write(tmp_path / "a", faces.images)
    info = derive_dataset(
        parent, tmp_path / "b", Derivation(exclude=frozenset({1, 2}), relabel={0: "fear"}, reason="seen")
    )
    child = load_dataset(tmp_path / "b")
    assert child.info == info
    assert info.num_images == 58
    assert child.samples["label"][0] == "fear"
    assert (child.images[1] == parent.images[3]).all()
    assert info.history[0]["parent"] == "a"
    assert info.history[0]["fingerprint"] == parent.info.fingerprint
    assert info.history[0]["operation"]["exclude"] == [1, 2]
    verify_dataset(child)
    derive_dataset(child, tmp_path / "c", Derivation(balance=True))
    steps = load_dataset(tmp_path / "c").info.history
    assert [step["parent"] for step in steps] == ["a", "b"]
    verify_dataset(parent)


@pytest.mark.parametrize(
    ("derivation", "match"),
    [
        (Derivation(exclude=frozenset({99})), "row 99"),
        (Derivation(exclude=frozenset(range(60))), "nothing is left"),
        (Derivation(relabel={0: "disgust"}), "none of the classes"),
        (Derivation(classes=("joy",)), "none of the classes"),
        (Derivation(classes=("anger",)), "two or more"),
    ],
)
def test_bad_derivations_leave_nothing(tmp_path, faces, derivation, match):
    parent = write(tmp_path / "a", faces.images)
    with pytest.raises(DataError, match=match):
        derive_dataset(parent, tmp_path / "b", derivation)
    assert sorted(path.name for path in tmp_path.iterdir() if not path.name.startswith(".b.lock")) == ["a"]


def vote_columns(rows):
    """Votes of a few images: `{"anger": 6, "fear": 4}` a row."""
    table = pd.DataFrame([{f"votes_{name}": count for name, count in row.items()} for row in rows])
    return table.reindex(columns=list(VOTE_COLUMNS)).fillna(0).astype(int)


def write_voted(folder, rows, **columns):
    images = np.random.default_rng(0).integers(0, 256, (len(rows), 24, 24), dtype=np.uint8)
    samples = pd.DataFrame(
        {"split": "train", "label": "anger", "source": "s", "image_name": "", **columns},
        index=range(len(rows)),
    )
    write_dataset(
        folder,
        images=images,
        samples=pd.concat([samples, vote_columns(rows)], axis=1),
        classes=EMOTIONS,
        importer="t",
        source="s",
    )
    return load_dataset(folder)


def test_a_relabelling_overrides_the_votes(tmp_path):
    parent = write_voted(tmp_path / "a", [{"anger": 5, "fear": 5}, {"fear": 10}, {"sadness": 12}])
    derive_dataset(parent, tmp_path / "b", Derivation(relabel={0: "happy", 2: "neutral"}))
    child = load_dataset(tmp_path / "b")
    assert name_classes(child).tolist() == ["happiness", "fear", "neutral"]
    assert child.votes[0].tolist() == [0, 10, 0, 0, 0, 0, 0, 0, 0, 0]
    assert child.votes[2, 0] == 12
    assert child.samples["label"].tolist() == ["happiness", "anger", "neutral"]
    for mode in get_args(LabelMode):
        assert compute_targets(child, "train", mode).distributions[0].tolist() == [0, 1, 0, 0, 0, 0, 0, 0]
    assert child.info.history[0]["operation"]["relabel"] == {"0": "happy", "2": "neutral"}
    flow = compute_label_flow(parent)
    assert flow.loc["anger", ["discarded", "fear", "sadness"]].tolist() == [1, 1, 1]


def test_seven_classes_without_contempt(tmp_path):
    rows = [
        {"contempt": 6, "neutral": 4},  # shows contempt: dropped
        {"contempt": 5, "neutral": 5},  # undecided between the two: dropped
        {"contempt": 4, "neutral": 3, "sadness": 3},  # most votes are contempt's: dropped
        {"contempt": 4, "neutral": 5, "sadness": 1},  # 5 of 5 once contempt and the single vote are gone
        {"contempt": 2, "neutral": 4, "sadness": 4},  # 4 of 8 is no majority
        {"fear": 10},
    ]
    parent = write_voted(tmp_path / "a", rows)
    wanted = tuple(name for name in EMOTIONS if name != "contempt")
    info = derive_dataset(parent, tmp_path / "b", Derivation(classes=wanted))
    child = load_dataset(tmp_path / "b")
    assert info.classes == wanted
    assert info.num_images == 3
    majority = compute_targets(child, "train", "majority")
    assert majority.indices.tolist() == [0, 2]
    assert majority.distributions.tolist() == np.eye(7)[[0, 6]].tolist()
    covered = compute_targets(child, "train", "crossentropy")
    assert covered.distributions[1].tolist() == [0.5, 0, 0, 0.5, 0, 0, 0]
    verify_dataset(child)
    # The annotators' own votes stay.
    assert child.votes[0].tolist() == parent.votes[3].tolist()


def test_balancing_by_the_majority_of_votes(tmp_path):
    rows = [{"anger": 10}] * 5 + [{"fear": 10}] * 2 + [{"fear": 5, "anger": 5}] * 3 + [{"anger": 10}] * 2
    splits = ["train"] * 10 + ["valid"] * 2
    parent = write_voted(tmp_path / "a", rows, split=splits)
    derive_dataset(parent, tmp_path / "b", Derivation(balance=True, seed=3))
    child = load_dataset(tmp_path / "b")
    assert child.info.split_counts == {"train": 4, "valid": 2}
    assert name_classes(child).tolist() == ["anger"] * 2 + ["fear"] * 2 + ["anger"] * 2
    nothing = write_voted(tmp_path / "c", rows, split=["valid"] * 12)
    with pytest.raises(DataError, match="no training image"):
        derive_dataset(nothing, tmp_path / "d", Derivation(balance=True))


def test_dividing_anew_keeps_copies_together(tmp_path, faces):
    images = faces.images.copy()
    for row in range(0, 60, 6):
        images[row + 4] = images[row]  # the same label, ten pairs
    parent = write(tmp_path / "a", images, splits=["train"] * 60)
    for seed in range(3):
        plan = SplitPlan(valid=0.2, test=0.2, seed=seed)
        derive_dataset(parent, tmp_path / str(seed), Derivation(split=plan))
        child = load_dataset(tmp_path / str(seed))
        splits = child.samples["split"].to_numpy(object)
        assert all(splits[row] == splits[row + 4] for row in range(0, 60, 6))
        table = pd.crosstab(child.samples["label"], child.samples["split"])
        assert (table[["valid", "test"]] - 6).abs().to_numpy().max() <= 3
    again = Derivation(split=SplitPlan(valid=0.2, test=0.2, seed=0))
    derive_dataset(parent, tmp_path / "again", again)
    first = load_dataset(tmp_path / "0").info.fingerprint
    assert load_dataset(tmp_path / "again").info.fingerprint == first


def test_verify_sees_a_changed_pixel(tmp_path, faces):
    write(tmp_path / "a", faces.images)
    images = np.load(tmp_path / "a" / "images.npy")
    images[5, 5, 5] ^= 1
    np.save(tmp_path / "a" / "images.npy", images)
    with pytest.raises(DataError, match="not what was written"):
        verify_dataset(load_dataset(tmp_path / "a"))


def test_exported_folders_can_be_imported_again(tmp_path, faces):
    parent = write(tmp_path / "a", faces.images[:20])
    export_dataset(parent, tmp_path / "out", "folders")
    import_pictures(tmp_path / "out", tmp_path / "again", PictureOptions())
    again = load_dataset(tmp_path / "again")
    assert sorted(image.tobytes() for image in again.images) == sorted(i.tobytes() for i in parent.images)
    export_dataset(parent, tmp_path / "out.csv", "csv")
    table = pd.read_csv(tmp_path / "out.csv")
    assert [int(value) for value in table["pixels"][3].split()] == parent.images[3].ravel().tolist()


def test_suspects_of_predictions_and_of_another_page(workspace, faces):
    data = write(workspace.dataset("a"), faces.images, labels=["anger"] * 30 + ["fear"] * 30)
    chance = np.r_[np.full(30, 0.95), np.full(30, 0.05)]
    chance[4] = 0.02
    truth = data.samples["label"]
    table = pd.DataFrame({"row": range(60), "truth": truth, "p_anger": chance, "p_fear": 1 - chance})
    table.to_parquet(workspace.root / "p.parquet")
    assert find_suspects(data, workspace.root / "p.parquet").tolist() == [4]
    assert load_suspects(data, workspace) == []
    path = workspace.root / "suspects" / "a.json"
    path.parent.mkdir()
    note = {"schema_version": 1, "dataset": "a", "fingerprint": data.info.fingerprint}
    path.write_text(json.dumps(note | {"rows": [{"row": 4, "source": "run x"}]}))
    assert load_suspects(data, workspace) == [Suspect(row=4, source="run x")]
    doubtful = [
        Suspect(row=7, source="model y", suggestion="fear", confidence=0.4),
        Suspect(row=9, source="model y", suggestion="fear", confidence=0.1),
    ]
    assert note_suspects(workspace, "a", data.info.fingerprint, doubtful) == 3
    assert [item.row for item in load_suspects(data, workspace)] == [4, 9, 7]
    assert load_suspects(data, workspace)[1] == doubtful[1]
    # Several may suspect one image; the same finder changes its mind.
    more = [Suspect(row=4, source="model y: again", suggestion="fear", confidence=0.2)]
    assert note_suspects(workspace, "a", data.info.fingerprint, more) == 3
    assert [item.row for item in load_suspects(data, workspace)] == [4, 9, 4, 7]
    assert note_suspects(workspace, "a", data.info.fingerprint, more, in_place_of="model y") == 1
    assert [item.source for item in load_suspects(data, workspace)] == ["run x", "model y: again"]
    assert note_suspects(workspace, "a", "another state", doubtful[:1]) == 1
    with pytest.raises(DataError, match="another state"):
        load_suspects(data, workspace)
    path.write_text(json.dumps(note | {"rows": [{"row": 99, "source": "run x"}]}))
    with pytest.raises(DataError, match="does not have"):
        load_suspects(data, workspace)


def test_known_flaws_of_fer2013(shared, tmp_path):
    from fer_core.data.importers.fer2013 import import_fer2013

    import_fer2013(shared / "data" / "fer2013.zip", tmp_path / "a")
    data = load_dataset(tmp_path / "a")
    found = find_duplicates(data.images, max_bits=-1)
    assert found.count_cross_split(data.samples["split"].to_numpy(object), "valid") == 280
    assert (len(found.groups), found.num_repeats) == (1273, 1532)
    marks = compute_marks(data.images)
    assert marks.is_constant.sum() == 12
    blank = np.flatnonzero(marks.is_blank).tolist()
    assert len(blank) == 14 and 5274 in blank
