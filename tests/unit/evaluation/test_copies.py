"""Images that training has seen, and scores without them."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from fer_core.checkpoint import load_checkpoint_info, save_checkpoint_info
from fer_core.data.duplicates import mark_training_copies
from fer_core.data.store import load_dataset, write_dataset
from fer_core.errors import DataError
from fer_core.evaluation.evaluator import evaluate_checkpoint
from fer_core.evaluation.publish import publish_checkpoint
from fer_core.labels import EMOTIONS
from fer_core.workspace import Workspace
from tests.small_models import save_small_model

SPLITS = ["train"] * 4 + ["valid"] * 6


@pytest.fixture
def leaking(tmp_path):
    """Ten images; rows 5 and 8, validation, have the pixels of rows 0 and 2, training."""
    images = np.random.default_rng(0).integers(0, 256, (10, 48, 48), dtype=np.uint8)
    images[5], images[8] = images[0], images[2]
    labels = ["neutral"] * 4 + ["anger", "neutral", "anger", "anger", "neutral", "neutral"]
    samples = pd.DataFrame({"split": SPLITS, "label": labels, "source": "s", "image_name": ""})
    folder = tmp_path / "leaking"
    facts = {"classes": EMOTIONS, "importer": "t", "source": "s"}
    write_dataset(folder, images=images, samples=samples, **facts)
    return load_dataset(folder)


def test_copies_of_training_images_are_marked(leaking):
    assert mark_training_copies(leaking, np.arange(4, 10)).tolist() == [
        False,
        True,
        False,
        False,
        True,
        False,
    ]
    assert mark_training_copies(leaking, np.array([8, 4])).tolist() == [True, False]
    assert not mark_training_copies(leaking, np.arange(10), within="test").any()


def test_scores_without_copies(leaking, tmp_path):
    folder = save_small_model(Workspace(tmp_path), "neutral", always="neutral")
    whole = evaluate_checkpoint(folder, leaking, "valid")
    assert (whole.scores.n, whole.scores.accuracy) == (6, 0.5)
    rest = evaluate_checkpoint(folder, leaking, "valid", exclude_copies=True)
    assert (rest.scores.n, rest.scores.accuracy) == (4, 0.25)
    assert rest.data.rows.tolist() == [4, 6, 7, 9]
    assert rest.protocol == "single label, without copies of training images"
    with pytest.raises(DataError, match="every image of split 'train'"):
        evaluate_checkpoint(folder, leaking, "train", exclude_copies=True)


def test_the_card_tells_of_copies_and_of_where_the_weights_came_from(leaking, tmp_path):
    folder = save_small_model(Workspace(tmp_path), "neutral", always="neutral")
    info = load_checkpoint_info(folder)
    origin = {"run": "neutral", "epoch": 3, "started_from": "elder", "teachers": "one, two"}
    save_checkpoint_info(folder, dataclasses.replace(info, origin=origin))
    published = publish_checkpoint(folder, tmp_path / "published", leaking)
    assert published.metrics[0]["num_training_copies"] == 2
    assert published.metrics[0]["accuracy_without_copies"] == 0.25
    card = (tmp_path / "published" / "MODEL_CARD.md").read_text()
    assert (
        "2 of these images are exact copies of training images. Without them: accuracy 25.00%, n = 4." in card
    )
    assert "from the weights of `elder`, distilled from one, two" in card
