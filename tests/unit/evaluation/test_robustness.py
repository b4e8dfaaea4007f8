"""Corrupted images, and what models make of them."""

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from fer_core.checkpoint import find_checkpoint
from fer_core.cli import main
from fer_core.data.builtin import open_dataset, write_schematic_faces
from fer_core.errors import ConfigError, RunError
from fer_core.evaluation.corruptions import CORRUPTIONS
from fer_core.evaluation.robustness import measure_robustness
from fer_core.evaluation.robustness_chart import build_robustness_chart
from fer_core.evaluation.robustness_report import (
    ROBUSTNESS_FILE,
    RobustnessReport,
    RobustnessRow,
    compute_mean_accuracy,
    load_robustness,
    save_robustness,
)
from fer_core.evaluation.stored_reports import locate_report
from fer_core.progress import Audience, Progress, perform_for
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
        corrupted = BY_NAME[name].apply(images, severity)
        assert (corrupted.shape, corrupted.dtype) == (images.shape, np.uint8)
        np.testing.assert_array_equal(corrupted, BY_NAME[name].apply(images, severity))
        differences.append(np.abs(corrupted.astype(int) - images).mean())
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
    report = measure_robustness(
        small.run("fearful") / "best",
        data,
        "train",
        num_faces=40,
        on_progress=lambda *done: told.append(done),
    )
    rows = report.rows
    assert report.data_fingerprint == data.info.fingerprint
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
    capsys.readouterr()
    told: list[Progress] = []
    kept: list[Mapping[str, Any]] = []
    with perform_for(Audience(told.append, kept.append)):
        command = [arguments[0], arguments[1], "nobody", "--save", *arguments[2:]]
        assert main(command) == 1, "one of two is not there"
    assert Progress(1.0, 2, "fearful: 34 of 34 passes") in told
    assert told[-1] == Progress(1, 2, "nobody: loading"), "the second of two has begun"
    assert list(kept[0]["failures"]) == ["nobody"]
    assert "fer robustness: nobody: no checkpoint" in capsys.readouterr().err
    entry = find_checkpoint("fearful", small)
    folder = locate_report(entry, small, dataset="faces", split="valid")
    stored = load_robustness(folder, "fearful", weights_sha256=entry.info.weights_sha256)
    assert stored.clean.accuracy == pytest.approx(rows[0]["accuracy"])


def made_up(**changes):
    clean = RobustnessRow(
        corruption="none", severity=0, strength=0.0, accuracy=0.9, balanced_accuracy=0.8, macro_f1=0.7, n=50
    )
    rows = [clean]
    for name, last in (("blur", 0.3), ("noise", 0.8)):
        rows += [
            dataclasses.replace(clean, corruption=name, severity=level, strength=level, accuracy=accuracy)
            for level, accuracy in ((1, 0.85), (2, 0.8), (3, last))
        ]
    facts = {"weights_sha256": "a" * 64, "dataset": "faces", "data_fingerprint": "f", "split": "valid"}
    return RobustnessReport(**{**facts, "rows": tuple(rows), **changes})


def test_what_is_written_is_read_and_nothing_else(tmp_path):
    assert load_robustness(tmp_path, "m", weights_sha256="a" * 64) is None
    save_robustness(made_up(), tmp_path)
    assert load_robustness(tmp_path, "m", weights_sha256="a" * 64) == made_up()
    with pytest.raises(RunError, match=r"measured with weights aaaa.*measure it again"):
        load_robustness(tmp_path, "m", weights_sha256="b" * 64)
    good = json.loads((tmp_path / ROBUSTNESS_FILE).read_text())
    for broken in (
        {**good, "schema_version": 9},
        {**good, "rows": good["rows"][1:]},
        {**good, "rows": [*good["rows"], {**good["rows"][0], "corruption": "spell"}]},
        {**good, "rows": 3},
        {"schema_version": 1},
    ):
        (tmp_path / ROBUSTNESS_FILE).write_text(json.dumps(broken))
        with pytest.raises(RunError, match="measure it again"):
            load_robustness(tmp_path, "m", weights_sha256="a" * 64)


def test_the_chart_by_hand():
    figure = build_robustness_chart({"m": made_up()})
    (trace,) = figure.data
    assert list(figure.layout.yaxis.ticktext) == ["Noise ", "Blur "], "the worst is on top"
    assert list(trace.x) == [0.85, 0.8, 0.8, None, 0.85, 0.8, 0.3, None]
    assert list(trace.marker.size)[:3] == [7, 10, 13]
    assert figure.layout.shapes[0].x0 == 0.9
    two = build_robustness_chart({"m": made_up(), "n": made_up()})
    places = {place for trace in two.data for place in trace.y if place is not None}
    assert sorted(places) == pytest.approx([-0.15, 0.15, 0.85, 1.15])
