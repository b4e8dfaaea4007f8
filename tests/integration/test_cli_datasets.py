"""`fer import` of pictures and `fer datasets`, as a person types them."""

import json

import pytest

from fer_core.cli import main
from tests.unit.data.pictures import class_files, encode, write_tree


@pytest.fixture
def source(tmp_path):
    files = class_files(classes=("happy", "blorp"), count=10)
    return write_tree(tmp_path / "My faces", files | {"happy/again.png": encode(0)})


def test_import_check_derive_verify_export(workspace, source, tmp_path, capsys):
    assert main(["import", str(source)]) == 1
    captured = capsys.readouterr()
    assert "happy (11) -> happiness" in captured.out
    assert "--map blorp=EMOTION" in captured.err
    assert not workspace.datasets.exists()

    assert main(["import", str(source), "--map", "blorp=fear", "--dry-run"]) == 0
    assert not workspace.datasets.exists()
    assert main(["import", str(source), "--map", "blorp=fear", "--size", "32", "40", "--color", "rgb"]) == 0
    assert "my-faces: 21 images of 32x40 px" in capsys.readouterr().out

    assert main(["datasets", "quality", "my-faces", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["exact_groups"], found["exact_repeats"], found["blank_rows"]) == (1, 1, [])

    assert (
        main(["datasets", "derive", "my-faces", "clean", "--exclude-duplicates", "--reason", "repeats"]) == 0
    )
    assert "20 of 21" in capsys.readouterr().out
    assert main(["datasets", "show", "clean"]) == 0
    history = json.loads(capsys.readouterr().out)["history"]
    assert history[0]["parent"] == "my-faces"
    assert len(history[0]["operation"]["exclude"]) == 1
    assert main(["datasets", "verify", "clean"]) == 0
    assert main(["datasets", "export", "clean", str(tmp_path / "out")]) == 0
    assert len(list((tmp_path / "out").glob("*/*/*.png"))) == 20
    assert main(["datasets"]) == 0
    assert "clean" in capsys.readouterr().out


def test_a_detector_reports_its_misses(workspace, source, capsys):
    from fer_core.inference.sample import sample_path

    (source / "blorp" / "portrait.png").write_bytes(sample_path().read_bytes())
    (source / "happy" / "portrait.png").write_bytes(sample_path().read_bytes())
    arguments = ["--map", "blorp=fear", "--detector", "haar", "--name", "cut", "--valid", "0", "--test", "0"]
    assert main(["import", str(source), *arguments]) == 0
    assert "no face found on 21 of 23 (91.3%)" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["derive", "schematic-faces", "a", "--relabel", "x=anger"], "ROW=LABEL"),
        (["derive", "absent", "a"], "no data set"),
        (["verify", "absent"], "no data set"),
    ],
)
def test_errors_are_sentences(workspace, few_faces, arguments, words, capsys):
    assert main(["datasets", *arguments]) == 1
    assert words in capsys.readouterr().err
