"""A model of eight classes on data of seven, and the reverse: figures over the classes that both have."""

import math

import numpy as np
import pandas as pd
import pytest
import torch

from fer_core.checkpoint import find_checkpoint
from fer_core.cli import main
from fer_core.data.store import load_dataset, write_dataset
from fer_core.errors import DataError
from fer_core.evaluation.common_classes import find_choices, select_scored
from fer_core.evaluation.comparison import compare, find_evaluation
from fer_core.evaluation.comparison_export import describe_protocol, write_csv, write_html
from fer_core.evaluation.evaluator import evaluate_checkpoint
from fer_core.evaluation.explain import explain_rows
from fer_core.evaluation.label_errors import detect_label_errors
from fer_core.evaluation.publish import publish_checkpoint
from fer_core.evaluation.report import build_report
from fer_core.evaluation.robustness import measure_robustness
from fer_core.export.faces import load_faces
from fer_core.export.parity import compare_outputs
from fer_core.labels import EMOTIONS
from fer_core.models import load_checkpoint
from tests.small_models import save_small_model
from tests.unit.evaluation.makers import make_predictions, make_subject

SEVEN = ("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral")
EIGHT = dict(zip(EMOTIONS, (0.10, 0.30, 0.05, 0.05, 0.05, 0.025, 0.025, 0.40), strict=True))
"""Contempt whatever it sees; without it, of 0.6: happiness 1/2, neutral 1/6."""
OF_SEVEN = {name: EIGHT[name] / 0.6 for name in SEVEN}
ALIKE = ["happiness"] * 4 + ["neutral"] * 2


def write_faces(workspace, name, labels, classes, split="valid"):
    rng = np.random.default_rng(0)
    samples = pd.DataFrame({"split": split, "label": labels, "source": "s", "image_name": ""})
    write_dataset(
        workspace.dataset(name),
        images=rng.integers(0, 255, (len(labels), 48, 48), dtype=np.uint8),
        samples=samples,
        classes=classes,
        importer="t",
        source="s",
    )
    return load_dataset(workspace.dataset(name))


@pytest.fixture
def world(workspace):
    save_small_model(workspace, "eight", chances=EIGHT)
    save_small_model(workspace, "seven", chances=OF_SEVEN)
    write_faces(workspace, "of-seven", ALIKE, SEVEN)
    write_faces(workspace, "of-eight", [*ALIKE, "contempt", "contempt"], EMOTIONS)
    return workspace


def load(world, model, data):
    return world.run(model) / "best", load_dataset(world.dataset(data))


@pytest.mark.parametrize(
    ("model", "data", "protocol"),
    [
        (
            "eight",
            "of-seven",
            "single label, over the 7 classes that both have, the model's contempt not offered",
        ),
        (
            "seven",
            "of-eight",
            "single label, over the 7 classes that both have, 2 images of contempt left out",
        ),
        ("seven", "of-seven", "single label"),
    ],
)
def test_figures_by_hand_over_the_classes_that_both_have(world, model, data, protocol):
    folder, faces = load(world, model, data)
    found = evaluate_checkpoint(folder, faces, "valid", device="cpu")
    assert found.protocol == protocol
    assert set(found.data.classes) == set(SEVEN)
    assert found.scores.n == 6
    assert found.scores.accuracy == pytest.approx(4 / 6)
    assert found.scores.balanced_accuracy == pytest.approx(1 / 2)
    assert found.scores.log_loss == pytest.approx(-(4 * math.log(1 / 2) + 2 * math.log(1 / 6)) / 6)
    chances = dict(zip(found.data.classes, found.data.probabilities[0], strict=True))
    assert chances == pytest.approx(OF_SEVEN, abs=1e-6)
    report = build_report(found.data, found.subject, num_resamples=0)
    assert report.figures["ece"].value == pytest.approx(4 / 6 - 1 / 2)
    assert protocol in report.subject.describe()
    clean = measure_robustness(folder, faces, "valid", device="cpu")
    assert [row.accuracy for row in clean.rows] == pytest.approx([4 / 6] * 34)
    assert clean.describe() == f"{data}, valid, {protocol}, n = 6"


def test_the_same_class_set_scores_all_eight(world):
    found = evaluate_checkpoint(*load(world, "eight", "of-eight"), "valid", device="cpu")
    assert (found.protocol, found.scores.n, found.scores.accuracy) == ("single label", 8, 2 / 8)


@pytest.mark.parametrize(
    ("labels", "classes", "words"),
    [
        (["happiness", "bored"], ("happiness", "bored"), "happiness in common"),
        (["tired", "bored"], ("tired", "bored"), "none in common"),
        (["bored"], ("happiness", "fear", "bored"), "has no image of happiness, fear"),
    ],
)
def test_too_little_in_common_is_refused(world, labels, classes, words):
    faces = write_faces(world, "strange", labels, classes)
    for score in (
        lambda: evaluate_checkpoint(world.run("eight") / "best", faces, "valid", device="cpu"),
        lambda: measure_robustness(world.run("eight") / "best", faces, "valid", device="cpu"),
        lambda: load_faces(faces, "valid", find_checkpoint("eight", world).info),
        lambda: publish_checkpoint(world.run("eight") / "best", world.root / "made", faces),
    ):
        with pytest.raises(DataError, match=words):
            score()
    assert find_choices(EMOTIONS, classes).tolist() == ([1, 6] if len(classes) == 3 else list(range(8)))


def test_images_of_other_classes_are_counted_and_rows_stay(world):
    faces = write_faces(world, "mixed", ["bored", *ALIKE, "bored", "bored"], (*SEVEN, "bored"))
    scored = select_scored("seven", SEVEN, faces, "valid")
    assert scored.rows.tolist() == [1, 2, 3, 4, 5, 6]
    assert "3 images of bored left out" in scored.protocol
    assert scored.spread(3).rows.tolist() == [1, 3, 6]  # places 0, 2 (2.5 rounds to even) and 5


def test_reports_over_other_classes_are_never_compared(world, capsys):
    for data in ("of-seven", "of-eight"):
        assert main(["evaluate", "eight", "seven", "--dataset", data, "--save", "--resamples", "0"]) == 0
    assert "2 images of contempt left out" in capsys.readouterr().out
    stored = [find_evaluation(key, world, dataset="of-eight") for key in ("eight", "seven")]
    apart = compare(stored, world, num_resamples=0)
    assert [item.key for item in apart.evaluations] == ["eight"]
    assert apart.results == ()
    assert "over 7 classes" in apart.refused["seven"] and "contempt" in apart.refused["seven"]
    assert "contempt" in write_html(apart)
    # Over the same seven they are, and the words say what each was offered.
    stored = [find_evaluation(key, world, dataset="of-seven") for key in ("eight", "seven")]
    together = compare(stored, world, num_resamples=0)
    assert not together.refused
    assert [item.mcnemar.both for item in together.results] == [4]
    words = describe_protocol(together)
    assert "the same 7 classes" in words and "eight: single label, over the 7 classes" in words
    assert "contempt not offered" in write_csv(together)
    second = together.evaluations[1].report
    assert second.classes == together.evaluations[0].report.classes
    assert np.array(second.confusion)[:, second.classes.index("happiness")].sum() == 6
    assert main(["compare", "eight", "seven", "--dataset", "of-eight"]) == 1
    assert "seven is left out: it was scored over 7 classes" in capsys.readouterr().out


def test_a_confusion_matrix_follows_its_classes():
    data = make_predictions([0, 1, 1], np.eye(3)[[0, 1, 2]])  # anger right; fear right, fear as neutral
    moved = build_report(data, make_subject(), num_resamples=0).with_classes(("neutral", "fear", "anger"))
    assert moved.confusion == ((0, 0, 0), (1, 1, 0), (0, 0, 1))


def test_robustness_of_models_with_other_classes_stands_in_tables_of_their_own(world, capsys):
    assert main(["robustness", "eight", "seven", "--dataset", "of-eight"]) == 0
    out = capsys.readouterr().out
    assert out.count("accuracy: of-eight") == 2
    assert "n = 8" in out and "n = 6" in out


def test_label_errors_are_judged_among_the_common_classes(world):
    entry = find_checkpoint("seven", world)
    found = detect_label_errors(entry, load_dataset(world.dataset("of-eight")), method="model")
    assert found.num_checked == 6
    assert any("knows no contempt; 2 such images" in text for text in found.cautions)


def test_a_map_explains_the_class_that_was_predicted(workspace):
    """Two outputs that look at different things: contempt wins; where it is not offered, happiness."""
    save_small_model(workspace, "model")
    model, info = load_checkpoint(workspace.run("model") / "best")
    with torch.no_grad():
        model.classifier.bias[EMOTIONS.index("contempt")] = 2e4
        model.classifier.bias[EMOTIONS.index("happiness")] = 1e4
    images = np.random.default_rng(1).integers(0, 255, (2, 48, 48), dtype=np.uint8)
    rows = np.arange(2)
    of_contempt, of_happiness = (
        explain_rows(model, images, rows, info.input, np.array([EMOTIONS.index(name)])).maps
        for name in ("contempt", "happiness")
    )
    assert np.abs(of_contempt - of_happiness).max() > 0.01
    free = explain_rows(model, images, rows, info.input)
    among = explain_rows(model, images, rows, info.input, find_choices(info.classes, SEVEN))
    np.testing.assert_array_equal(free.maps, of_contempt)
    np.testing.assert_array_equal(among.maps, of_happiness)


def test_an_exported_file_is_scored_over_the_same_classes(world):
    info = find_checkpoint("eight", world).info
    faces = load_faces(load_dataset(world.dataset("of-seven")), "valid", info)
    logits = np.log(np.tile([EIGHT[name] for name in info.classes], (6, 1))).astype(np.float32)
    parity = compare_outputs((logits, np.exp(logits)), (logits, np.exp(logits)), faces)
    assert (parity.accuracy, parity.accuracy_torch) == (pytest.approx(4 / 6), pytest.approx(4 / 6))
    assert "over the 7 classes" in parity.protocol
