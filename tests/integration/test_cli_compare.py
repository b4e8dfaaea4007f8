"""`fer compare` and `fer explain` on real small models."""

import csv
import dataclasses
import json
import shutil

import numpy as np
import pytest
import torch

from fer_core.checkpoint import InputSpec
from fer_core.cli import main
from fer_core.config import DataConfig, LogConfig, ModelConfig, TrainConfig
from fer_core.data.builtin import open_dataset
from fer_core.data.targets import compute_targets
from fer_core.evaluation.explain import explain_rows
from fer_core.models import build_model
from fer_core.training.trainer import create_trainer
from fer_core.workspace import Workspace

CONFIG = TrainConfig(
    data=DataConfig(dataset="faces"),
    model=ModelConfig(arguments={"stem_width": 8, "widths": "8-16", "depths": "1-1"}),
    log=LogConfig(tensorboard=False, gradients=False),
    epochs=1,
    batch_size=32,
    threads=1,
)


@pytest.fixture(scope="module")
def trained(tmp_path_factory, draw_faces):
    """A workspace with two trained and evaluated models, which is only copied."""
    workspace = Workspace(tmp_path_factory.mktemp("trained"))
    draw_faces(workspace, "faces", num_images=320)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FER_WORKSPACE", str(workspace.root))
        for name, seed in (("first", 0), ("second", 1)):
            create_trainer(dataclasses.replace(CONFIG, seed=seed), workspace, name=name).run()
            assert main(["evaluate", name, "--save", "--resamples", "50"]) == 0
    return workspace


@pytest.fixture
def two_models(trained, workspace):
    shutil.copytree(trained.root, workspace.root)
    return workspace


def test_two_models_compared_and_exported(two_models, tmp_path, capsys):
    files = [tmp_path / name for name in ("out.html", "out.tex", "out.csv")]
    options = [
        item for pair in zip(("--html", "--latex", "--csv"), map(str, files), strict=True) for item in pair
    ]
    capsys.readouterr()
    assert main(["compare", "first", "second", *options]) == 0
    printed = capsys.readouterr().out
    assert "first" in printed
    assert "second" in printed
    assert "McNemar" in printed
    html, latex, table = (path.read_text(encoding="utf-8") for path in files)
    assert "plotly" in html.lower()
    assert 'src="http' not in html, "self-contained"
    assert r"\begin{tabular}" in latex
    assert "accuracy" in table.splitlines()[1] or "accuracy" in table


def test_what_can_not_be_compared(two_models, draw_faces, capsys):
    draw_faces(two_models, "others", num_images=160, seed=5)
    config = dataclasses.replace(CONFIG, data=DataConfig(dataset="others"))
    create_trainer(config, two_models, name="third").run()
    assert main(["compare", "first", "third"]) == 1
    assert "fer evaluate third" in capsys.readouterr().err
    assert main(["evaluate", "third", "--save", "--resamples", "50"]) == 0
    capsys.readouterr()
    assert main(["compare", "first", "third"]) == 1
    said = capsys.readouterr()
    assert "others" in said.out + said.err
    assert main(["compare", "first"]) == 1
    assert "two or more" in capsys.readouterr().err


def test_several_models_are_evaluated_in_one_go_and_one_that_fails_stops_no_other(two_models, capsys):
    capsys.readouterr()
    models = ["first", "absent", "second"]
    options = ["--tta", "flip", "--resamples", "20", "--save"]
    assert main(["evaluate", *models, *options, "--json"]) == 1
    said = capsys.readouterr()
    reports = [json.loads(line) for line in said.out.splitlines()]
    assert [report["tta"] for report in reports] == ["flip", "flip"]
    assert "fer evaluate: absent: no checkpoint 'absent'" in said.err
    for name in ("first", "second"):
        assert (two_models.run(name) / "evaluations" / "faces-valid-flip" / "report.json").is_file()
    assert main(["compare", "first", "second", "--tta", "flip"]) == 0
    assert "flip averaging" in capsys.readouterr().out
    assert main(["evaluate", "absent", "second", *options]) == 1
    said = capsys.readouterr()
    assert "fer evaluate: absent: no checkpoint" in said.err
    assert "flip averaging" in said.out
    assert main(["evaluate"]) == 1
    assert "expected a model" in capsys.readouterr().err


def test_maps_of_faces(two_models, tmp_path):
    assert main(["explain", "first", "--rows", "3", "7", "--output", str(tmp_path / "maps.npz")]) == 0
    with np.load(tmp_path / "maps.npz") as saved:
        assert saved["rows"].tolist() == [3, 7]
        assert saved["maps"].shape[0] == 2
        assert saved["maps"].min() >= 0
        assert saved["maps"].max() <= 1
    assert main(["explain", "first", "--rows", "3", "--output", str(tmp_path / "maps.txt")]) == 1


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("fer_resnet", {"stem_width": 8, "widths": "8-16", "depths": "1-1"}),
        ("plain_cnn", {"widths": "8-16", "dense": 16}),
        ("fcn", {"widths": "8-16"}),
        ("gcn", {"width": 16, "depth": 1, "num_neighbours": 4}),
        ("vit", {"width": 16, "depth": 1, "num_heads": 2}),
        ("timm/test_vit", {}),
        ("timm/test_resnet", {"normalise_embedding": True}),
    ],
)
def test_every_family_can_be_explained(workspace, draw_faces, name, arguments):
    draw_faces(workspace, "faces", num_images=160)
    data = open_dataset("faces", workspace)
    torch.manual_seed(0)
    model = build_model(name, num_classes=8, arguments=arguments).eval()
    spec = InputSpec(height=48, width=48, color="gray", mean=(0.5,), std=(0.25,))
    explained = explain_rows(model, data.images, np.array([0, 5]), spec)
    assert explained.maps.shape[0] == 2
    assert np.isfinite(explained.maps).all()
    assert explained.maps.max() <= 1
    assert explained.method


def test_groups_of_images_are_scored_by_themselves(two_models, tmp_path, capsys):
    table = tmp_path / "groups.csv"
    capsys.readouterr()
    assert main(["compare", "first", "--by", "label", "--csv", str(table)]) == 0
    printed = capsys.readouterr().out
    assert "Fewer than 100 images" in printed
    rows = list(csv.DictReader(table.open()))
    data = open_dataset("faces", two_models)
    labels = data.samples["label"][compute_targets(data, "valid", "majority").indices]
    assert {row["label"]: int(row["n"]) for row in rows} == labels.value_counts().to_dict()
    assert main(["compare", "first", "--by", "shoe_size"]) == 1
    assert "the data set offers agreement, label" in capsys.readouterr().err
    assert main(["compare", "first", "second", "--by", "label", "--html", "x.html"]) == 1
    assert "--csv only" in capsys.readouterr().err
    (data.folder / "dataset.json").unlink()
    assert main(["compare", "first", "second", "--by", "agreement"]) == 0, "needs no data set"
    capsys.readouterr()
    assert main(["compare", "first", "--by", "label"]) == 1
    assert "there is no data set at" in capsys.readouterr().err
