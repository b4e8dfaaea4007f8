"""`fer import` of pictures and `fer datasets`, as a person types them."""

import json

import pytest

from fer_core.cli import main
from tests.unit.data import layouts
from tests.unit.data.pictures import class_files, encode, write_tree
from tests.unit.data.test_fer2013 import write_csv, write_votes


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


def test_what_a_source_does_not_say_is_asked_and_answered(workspace, tmp_path, capsys):
    """Numbers, a part of unknown split, clips: each question names the option that answers it."""
    files = {
        f"{split}/{number}/clip{clip}_{frame}.png": encode(100 * clip + number)
        for split, clips in (("train", range(6)), ("eval", range(6, 9)))
        for number in (1, 2)
        for clip in clips
        for frame in range(2)
    }
    folder = str(write_tree(tmp_path / "faces", files))
    assert main(["import", folder, "--dry-run"]) == 0
    seen = capsys.readouterr().out
    assert "part eval (12) -> not known which split" in seen
    assert "--numbers raf-db  RAF-DB: 1 surprise, 2 fear" in seen
    answers: list[str] = []
    for asked, answer in (
        ("--numbers affectnet, ", "--numbers=raf-db"),
        ("--split eval=SPLIT", "--split=eval=test"),
    ):
        assert main(["import", folder, *answers]) == 1
        assert asked in capsys.readouterr().err
        answers.append(answer)
    assert main(["import", folder, *answers, r"--group-by=clip\d+"]) == 0
    captured = capsys.readouterr()
    assert "(train 24, test 12)" in captured.out and "9 people, clips or photographs" in captured.out
    assert "warning" not in captured.err


def test_copies_across_splits_are_warned_of(workspace, tmp_path, capsys):
    files = {f"{name}/{n}.png": encode(ord(name[0])) for name in ("happy", "sad") for n in range(10)}
    assert main(["import", str(write_tree(tmp_path / "faces", files))]) == 0
    assert "warning: 4 of 4 images of valid and test that were compared (100%)" in capsys.readouterr().err


def test_what_was_chosen_of_a_published_data_set_is_said(workspace, tmp_path, capsys):
    folder = str(write_tree(tmp_path / "raf", layouts.rafdb()))
    for option in ("--dry-run", "--name=raf"):
        assert main(["import", folder, option]) == 0
        assert "note: the 4 aligned faces are read; the 4 whole photographs" in capsys.readouterr().out


def test_boxes_are_used_without_a_detector_and_that_is_said(workspace, tmp_path, capsys):
    rows = [f"{n}.png;{('happy', 'sad')[n % 2]};2;2;20;20" for n in range(4)]
    files = {
        "list.csv": "\n".join(["path;label;x;y;w;h", *rows]),
        **{f"{n}.png": encode(n) for n in range(4)},
    }
    folder = str(write_tree(tmp_path / "faces", files))
    for more, is_said in (([], True), (["--no-boxes", "--replace"], False)):
        assert main(["import", folder, *more]) == 0
        assert ("4 faces were cut out by the boxes of the source" in capsys.readouterr().out) == is_said


def test_votes_beside_fer2013_are_offered(workspace, tmp_path, capsys):
    source = write_csv(tmp_path / "fer2013.csv")
    votes = write_votes(tmp_path / "fer2013new.csv")
    assert main(["import", str(source)]) == 0
    assert f"--votes {votes}" in capsys.readouterr().out
    assert main(["import", str(source), "--votes", str(votes)]) == 0
    assert "ferplus: 4 images" in capsys.readouterr().out


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
