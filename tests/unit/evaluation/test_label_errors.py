import dataclasses

import numpy as np
import pandas as pd
import pytest

from fer_core.checkpoint import CheckpointEntry, find_checkpoint
from fer_core.cli import main
from fer_core.data.store import load_dataset, write_dataset
from fer_core.data.suspected_labels import Suspect, load_suspects, note_suspects
from fer_core.errors import ConfigError, DataError
from fer_core.evaluation.label_errors import (
    default_splits,
    describe_exposure,
    detect_label_errors,
    predict_out_of_fold,
    save_label_errors,
)
from tests.small_models import save_small_model

NUM = 120
WRONG = (3, 40, 77)


@pytest.fixture
def data(workspace):
    """Dark faces of anger and bright ones of fear, three with the other's label, one of those copied."""
    rng = np.random.default_rng(0)
    truth = np.arange(NUM) % 2
    images = (rng.integers(0, 40, (NUM, 48, 48)) + 160 * truth[:, None, None]).astype(np.uint8)
    given = truth.copy()
    given[list(WRONG)] = 1 - given[list(WRONG)]
    images[43] = images[3]
    given[43] = given[3]
    samples = pd.DataFrame(
        {
            "split": ["train"] * 80 + ["valid"] * 40,
            "label": np.array(["anger", "fear"])[given],
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


@pytest.fixture
def entry(workspace):
    save_small_model(workspace, "judge")
    return find_checkpoint("judge", workspace)


def with_data(entry, **facts):
    return CheckpointEntry(entry.key, entry.folder, dataclasses.replace(entry.info, data=facts))


def test_cross_validation_finds_planted_errors_and_their_copy(data, entry, workspace):
    steps = []
    found = detect_label_errors(entry, data, on_progress=lambda done, total: steps.append((done, total)))
    assert found.num_checked == NUM
    assert {item.row for item in found.suspects} == {3, 40, 43, 77}
    first = next(item for item in found.suspects if item.row == 3)
    assert first.suggestion == "fear" and first.confidence < 0.2
    assert "looks like fear" in first.source and "anger" in first.source
    assert steps == sorted(steps) and steps[-1][0] == steps[-1][1]


def test_copies_never_judge_each_other():
    """A mislabelled pair of far-off copies: with one of them among the seen, the other would look right."""
    rng = np.random.default_rng(1)
    labels = np.arange(100) % 2
    features = (rng.normal(0, 0.1, (100, 3)) + np.c_[labels * 4 - 2, np.zeros((100, 2))]).astype(np.float32)
    features[[10, 20]] = [2, 90, 0]
    groups = np.arange(100)
    alone = predict_out_of_fold(features, labels, groups)
    groups[20] = 10
    together = predict_out_of_fold(features, labels, groups)
    assert together[10, 0] < 0.1 < alone[10, 0]
    assert together.sum(axis=1) == pytest.approx(1)


def test_a_models_own_probabilities(data, workspace):
    save_small_model(workspace, "sure", always="fear")
    entry = find_checkpoint("sure", workspace)
    found = detect_label_errors(entry, data, method="model", splits=("valid",))
    rows = np.flatnonzero(data.samples["split"] == "valid")
    anger = rows[data.samples["label"].to_numpy()[rows] == "anger"]
    # It gives fear whatever it sees: nothing called fear is suspicious, and all suspects look like fear.
    assert found.splits == ("valid",) and found.num_checked == 40
    assert {item.row for item in found.suspects} <= set(anger.tolist())
    assert {item.suggestion for item in found.suspects} <= {"fear"}


def test_it_says_what_the_model_knows(data, entry):
    own = with_data(entry, name="faces", fingerprint=data.info.fingerprint)
    other = with_data(entry, name="others", fingerprint="x")
    assert default_splits(own.info, data, "model") == ("valid",)
    assert default_splits(own.info, data, "cross-validation") == ("train", "valid")
    assert default_splits(other.info, data, "model") == ("train", "valid")
    said = " ".join(describe_exposure(own.info, data, "model", ("train", "valid")))
    assert "memorised" in said and "best epoch" in said
    assert "the embedding did" in " ".join(describe_exposure(own.info, data, "cross-validation", ("train",)))
    assert describe_exposure(own.info, data, "model", ("test",)) == []
    assert "trained on 'others'" in describe_exposure(other.info, data, "model", ("valid",))[0]
    assert "does not say" in describe_exposure(entry.info, data, "model", ("valid",))[0]
    derived = dataclasses.replace(
        data, info=dataclasses.replace(data.info, fingerprint="y", history=({"fingerprint": "x"},))
    )
    assert default_splits(other.info, derived, "model") == ("valid",)


def test_classes_that_cannot_be_judged_are_left_out_with_a_word(data, entry):
    samples = data.samples.copy()
    samples.loc[:3, "label"] = "disgust"
    rare = dataclasses.replace(
        data, samples=samples, info=dataclasses.replace(data.info, classes=("anger", "fear", "disgust"))
    )
    found = detect_label_errors(entry, rare)
    assert found.num_checked == NUM - 4
    assert any("disgust has fewer than 10" in text for text in found.cautions)
    samples["label"] = "anger"
    with pytest.raises(DataError, match="fewer than two classes"):
        detect_label_errors(entry, rare)


def make_copies(data, rows, label):
    """The data set with one picture in all of the rows, all of them of one class."""
    images, samples = np.array(data.images), data.samples.copy()
    images[rows] = images[rows[0]]
    samples.loc[rows, "label"] = label
    classes = tuple(dict.fromkeys((*data.info.classes, label)))
    return dataclasses.replace(
        data, images=images, samples=samples, info=dataclasses.replace(data.info, classes=classes)
    )


def test_a_class_of_one_picture_and_its_copies_is_left_out(data, entry):
    """Its fold holds all of it, so the classifier would not know the class and call every copy an error."""
    rows = list(range(80, 110))
    found = detect_label_errors(entry, make_copies(data, rows, "sadness"))
    assert found.num_checked == NUM - 30
    assert {item.row for item in found.suspects} == {3, 40, 43, 77}
    said = " ".join(found.cautions)
    assert "sadness has fewer than 10 different images here (exact copies count once)" in said
    assert "30 images were left out" in said


def test_copies_that_leave_one_class_or_none_are_refused_in_words(data, entry):
    equal = make_copies(make_copies(data, list(range(0, NUM, 2)), "anger"), list(range(1, NUM, 2)), "fear")
    with pytest.raises(DataError, match=r"needs 10 different images of each.* anger \(1\), fear \(1\)"):
        detect_label_errors(entry, equal)
    bright = np.flatnonzero(data.samples["label"] == "fear").tolist()
    with pytest.raises(DataError, match=r"fewer than two classes.* anger \(\d\d\), fear \(1\)"):
        detect_label_errors(entry, make_copies(data, bright, "fear"))


def test_every_fold_knows_every_class_with_enough_different_pictures():
    """Few pictures with many copies each, some of them with several labels."""
    rng = np.random.default_rng(0)
    sizes = rng.integers(1, 60, 33)
    groups = np.repeat(np.arange(33), sizes)
    labels = groups % 3
    labels[np.flatnonzero(np.diff(groups, prepend=0))[::2]] = 0
    features = rng.normal(0, 1, (len(groups), 3)).astype(np.float32)
    assert (predict_out_of_fold(features, labels, groups) > 0).all()


def test_bad_questions_are_refused(data, entry):
    with pytest.raises(ConfigError, match="unknown method"):
        detect_label_errors(entry, data, method="guess")  # type: ignore[arg-type]
    with pytest.raises(DataError, match="no split 'test'"):
        detect_label_errors(entry, data, splits=("test",))


def test_a_second_finding_replaces_the_first_and_keeps_what_people_noted(data, entry, workspace):
    note_suspects(workspace, "faces", data.info.fingerprint, [Suspect(row=9, source="by hand")])
    found = detect_label_errors(entry, data)
    fewer = dataclasses.replace(found, suspects=found.suspects[:1])
    assert save_label_errors(found, data, workspace, model="judge", method="cross-validation") == 5
    assert save_label_errors(fewer, data, workspace, model="judge", method="cross-validation") == 2
    assert load_suspects(data, workspace)[0].row == 9


def test_the_command(data, entry, workspace, capsys):
    assert main(["datasets", "label-errors", "faces", "--model", "judge"]) == 0
    output = capsys.readouterr().out
    assert f"4 of {NUM} images of faces (train, valid)" in output
    assert "note: judge does not say what it was trained on" in output
    assert len(load_suspects(data, workspace)) == 4
    assert main(["datasets", "label-errors", "faces", "--model", "absent"]) == 1
    assert "no checkpoint 'absent'" in capsys.readouterr().err
