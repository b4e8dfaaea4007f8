"""Spoilt pictures, and what models make of them."""

import json

import numpy as np
import pytest

from fer_core.cli import main
from fer_core.data.builtin import open_dataset, write_schematic_faces
from fer_core.errors import ConfigError
from fer_core.evaluation.corruptions import CORRUPTIONS
from fer_core.evaluation.robustness import compute_mean_accuracy, measure_robustness
from tests.small_models import save_small_model

BY_NAME = {item.name: item for item in CORRUPTIONS}


def pictures(*shape):
    """Smooth pictures with an edge, so that every change shows."""
    images = np.random.default_rng(0).integers(60, 200, shape, dtype=np.uint8)
    images[:, shape[1] // 3 :, : shape[2] // 2] = 30
    images[:, : shape[1] // 3, shape[2] // 2 :] = 220
    return images


@pytest.mark.parametrize("shape", [(4, 48, 48), (3, 66, 88), (2, 112, 112, 3)])
@pytest.mark.parametrize("name", BY_NAME)
def test_every_corruption_keeps_shape_repeats_and_grows(name, shape):
    images = pictures(*shape)
    before = images.copy()
    differences = []
    for severity in (1, 2, 3):
        spoilt = BY_NAME[name].apply(images, severity)
        assert (spoilt.shape, spoilt.dtype) == (images.shape, np.uint8)
        np.testing.assert_array_equal(spoilt, BY_NAME[name].apply(images, severity))
        differences.append(np.abs(spoilt.astype(int) - images).mean())
    assert 0 < differences[0] < differences[2]
    np.testing.assert_array_equal(images, before)


def test_corruptions_by_hand():
    images = pictures(2, 40, 40)
    dark = BY_NAME["darkness"].apply(images, 1)
    np.testing.assert_array_equal(dark, np.round(images * np.float32(0.5)))
    flat = np.full((3, 40, 40), 90, np.uint8)
    for name in ("blur", "motion-blur", "rotation", "low-contrast", "low-resolution", "misplaced-crop"):
        assert np.abs(BY_NAME[name].apply(flat, 3).astype(int) - 90).max() <= 1, name
    covered = BY_NAME["occlusion"].apply(flat, 2) == 128
    assert covered.mean(axis=(1, 2)) == pytest.approx(0.16, abs=0.03)
    noisy = BY_NAME["noise"].apply(np.full((20, 40, 40), 128, np.uint8), 2)
    assert noisy.std() == pytest.approx(16, rel=0.05)


def test_a_severity_that_does_not_exist():
    with pytest.raises(ConfigError, match="severity is 4"):
        BY_NAME["blur"].apply(pictures(1, 9, 9), 4)


@pytest.fixture
def small(workspace):
    write_schematic_faces(workspace, "faces", num_images=120)
    save_small_model(workspace, "fearful", always="fear")
    return workspace


def test_a_model_that_sees_nothing_loses_nothing(small):
    told = []
    data = open_dataset("faces", small)
    rows = measure_robustness(
        small.run("fearful") / "best",
        data,
        "train",
        num_faces=40,
        on_progress=lambda *done: told.append(done),
    )
    assert [row.severity for row in rows[:4]] == [0, 1, 2, 3]
    assert len(rows) == 1 + 3 * len(CORRUPTIONS)
    assert len({row.accuracy for row in rows}) == 1
    assert {row.n for row in rows} == {40}
    assert compute_mean_accuracy(rows) == pytest.approx(rows[0].accuracy)
    assert told[0] == (0, 34)
    assert told[-1] == (34, 34)


def test_the_command(small, tmp_path, capsys):
    arguments = ["robustness", "fearful", "--dataset", "faces", "--num-faces", "8"]
    assert main([*arguments, "--out", str(tmp_path / "r.json")]) == 0
    assert "Motion blur" in capsys.readouterr().out
    rows = json.loads((tmp_path / "r.json").read_text())
    assert len(rows) == 34
    assert {row["model"] for row in rows} == {"fearful"}
    assert main([*arguments[:2]]) == 1
    assert "name a data set" in capsys.readouterr().err
    assert main([*arguments, "--out", "r.txt"]) == 1
