"""`fer models`, as a person types it."""

import json

import pytest

from fer_core.cli import main
from tests.small_models import save_small_model


@pytest.fixture
def trained(workspace):
    metrics = [{"protocol": "FER+ majority", "split": "valid", "n": 3199, "accuracy": 0.8123}]
    save_small_model(workspace, "run-a", metrics=metrics)
    return workspace


def test_list_show_zip_import_card_delete(trained, capsys, tmp_path, monkeypatch):
    def printed(*arguments):
        assert main(["models", *map(str, arguments)]) == 0
        return capsys.readouterr().out

    assert "run-a/best" in printed()
    rows = {item["key"]: item for item in json.loads(printed("--json"))}
    assert rows["run-a/best"]["figures"] == {"accuracy": 0.8123} and rows["run-a/best"]["kind"] == "trained"
    monkeypatch.setenv("COLUMNS", "200")
    shown = printed("show", "run-a")
    assert all(words in shown for words in ("as it states", "3,199", "SHA-256", "48x48x1")), shown
    assert json.loads(printed("show", "run-a", "--json"))["n"] == 3199
    target = tmp_path / "out.zip"
    assert "MB" in printed("zip", "run-a", target)
    assert "friend is at" in printed("import", target, "--name", "friend")
    assert "no card" in printed("card", "friend")
    (tmp_path / "card.md").write_text("# friend\n")
    printed("card", "friend", "--file", tmp_path / "card.md")
    assert printed("card", "friend") == "# friend\n\n"
    monkeypatch.setattr("builtins.input", lambda question: "n")
    assert "kept friend" in printed("delete", "friend")
    assert "deleted friend" in printed("delete", "friend", "--yes")
    assert not trained.model("friend").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["show", "absent"], ["no checkpoint 'absent'", "run-a/best"]),
        (["import", "absent.zip"], ["absent.zip does not exist"]),
        (["import", "absent.zip", "--name", "fer-small"], ["fer-small", "already"]),
        (["delete", "fer-small", "--yes"], ["ships with the program"]),
        (["delete", "run-a", "--yes"], ["fer runs delete run-a"]),
        (["push", "run-a", "me/run-a"], ["HF_HUB_OFFLINE"]),
        (["card", "run-a", "--file", "absent.md"], ["absent.md can't be read"]),
    ],
)
def test_mistakes_are_answered_in_a_sentence(trained, capsys, arguments, words):
    assert main(["models", *arguments]) == 1
    errors = capsys.readouterr().err
    assert all(word in errors for word in words), errors
    assert "Traceback" not in errors
