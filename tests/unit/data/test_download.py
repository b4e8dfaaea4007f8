import sys
from types import SimpleNamespace

import pytest

from fer_core.data.download import fetch_source
from fer_core.errors import DataError


@pytest.mark.parametrize(
    ("source", "module", "function"),
    [
        ("kaggle:a/b", "kagglehub", "dataset_download"),
        ("hf:a/b", "huggingface_hub", "snapshot_download"),
    ],
)
def test_the_hubs_client_is_asked(monkeypatch, tmp_path, source, module, function):
    asked = []

    def fetch(name, **options):
        asked.append((name, options))
        return str(tmp_path)

    monkeypatch.setitem(sys.modules, module, SimpleNamespace(**{function: fetch}))
    assert fetch_source(source) == tmp_path
    assert asked[0][0] == "a/b"


def test_offline_it_says_what_to_do_by_hand(monkeypatch):
    def fetch(name):
        raise ConnectionError("no route")

    monkeypatch.setitem(sys.modules, "kagglehub", SimpleNamespace(dataset_download=fetch))
    with pytest.raises(DataError, match=r"By hand: open https://www\.kaggle\.com/datasets/a/b"):
        fetch_source("kaggle:a/b")


def test_a_missing_client_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "kagglehub", None)
    with pytest.raises(DataError, match="pip install kagglehub"):
        fetch_source("kaggle:a/b")


@pytest.mark.parametrize("source", ["kaggle:a", "hf:a/b/c", "hf:/b"])
def test_what_is_no_id_is_refused(source):
    with pytest.raises(DataError, match="expected"):
        fetch_source(source)
