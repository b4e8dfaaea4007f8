"""Zips and the Hub, the latter with an object in its place."""

import zipfile
from types import SimpleNamespace

import pytest

from fer_core.checkpoint import CheckpointEntry, load_checkpoint_info
from fer_core.errors import CheckpointError, ConfigError, StorageError
from fer_core.exchange.hub import push_to_hub
from fer_core.exchange.model_import import import_model
from fer_core.exchange.model_zip import build_zip, write_zip
from tests.fake_hub import FakeHub


@pytest.fixture
def entry(model_folder):
    return CheckpointEntry("foreign", model_folder, load_checkpoint_info(model_folder))


def test_a_zip_holds_everything_and_comes_in_again(entry, workspace, tmp_path):
    path = write_zip(entry, tmp_path / "out.zip")
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        readme = archive.read("foreign/README.md").decode()
    assert names == [
        "foreign/README.md",
        "foreign/model.json",
        f"foreign/{entry.info.weights_file}",
        "foreign/MODEL_CARD.md",
    ]
    assert "48 x 48 px, one grey channel" in readme and "mean 0.5, std 0.25" in readme
    assert build_zip(entry) == path.read_bytes(), "the same model gives the same bytes"
    done = import_model([path], workspace, name="again")
    assert done.ignored == (), "our own README is nothing to mention"
    assert done.entry.info.weights_sha256 == entry.info.weights_sha256


def test_a_damaged_model_is_not_given_away(entry, tmp_path):
    (entry.folder / entry.info.weights_file).write_bytes(b"half")
    with pytest.raises(CheckpointError, match="damaged"):
        write_zip(entry, tmp_path / "out.zip")
    assert not (tmp_path / "out.zip").exists()
    (entry.folder / entry.info.weights_file).unlink()
    with pytest.raises(CheckpointError, match="missing"):
        push_to_hub(entry, "me/thing", api=FakeHub())


def test_a_folder_that_can_not_be_written(entry, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="can't be written"):
        write_zip(entry, tmp_path / "file" / "out.zip")


def test_a_push_is_private_and_its_front_page_is_the_card(entry):
    hub, steps = FakeHub(), []
    assert push_to_hub(entry, "thing", api=hub, on_step=steps.append) == "https://huggingface.co/me/thing"
    assert hub.asked == [("me/thing", True, True)]
    assert set(hub.files) == {"model.json", entry.info.weights_file, "README.md"}
    page = hub.files["README.md"].decode()
    assert page.startswith("---\npipeline_tag: image-classification\n") and "\n---\n# made\n" in page
    assert "fer models import" in page and len(steps) == 4
    push_to_hub(entry, "us/thing", private=False, api=hub)
    assert hub.asked[-1] == ("us/thing", False, True)


@pytest.mark.parametrize("repo", ["", "a/b/c", "../x", "a b", "/x", "x--y", "https://huggingface.co/a/b"])
def test_what_is_no_repository_is_refused_before_anything_is_asked(entry, repo):
    hub = FakeHub()
    with pytest.raises(ConfigError, match="repository"):
        push_to_hub(entry, repo, api=hub)
    assert hub.asked == []


def _http_error(status):
    from huggingface_hub.errors import HfHubHTTPError

    return HfHubHTTPError("no\nmore", response=SimpleNamespace(status_code=status, headers={}, request=None))


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ConnectionError("no route"), "can't be reached .* download the zip"),
        (TimeoutError(), "can't be reached"),
        (lambda: _http_error(401), "hf auth login"),
        (lambda: _http_error(500), "answers with an error: no$"),
    ],
)
def test_what_the_hub_refuses_is_said_in_a_sentence(entry, error, words):
    hub = FakeHub(error() if callable(error) else error)
    with pytest.raises(CheckpointError, match=words):
        push_to_hub(entry, "thing", api=hub)
    assert hub.files == {}


def test_offline_and_not_logged_in_nothing_is_asked(entry, monkeypatch, tmp_path):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(CheckpointError, match="HF_HUB_OFFLINE"):
        push_to_hub(entry, "me/thing")
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    monkeypatch.setattr("huggingface_hub.get_token", lambda: None)
    with pytest.raises(CheckpointError, match="hf auth login"):
        push_to_hub(entry, "me/thing")
