"""Links in the folders and archives of other people: what leads out of them is refused by name."""

import os
import tarfile
import zipfile
from contextlib import nullcontext
from pathlib import Path

import pytest

from fer_core.checkpoint import CARD_FILE, INFO_FILE, CheckpointEntry, load_checkpoint_info
from fer_core.data.tree import open_tree
from fer_core.errors import CheckpointError, DataError
from fer_core.exchange.card import load_card
from fer_core.exchange.hub import push_to_hub
from fer_core.exchange.model_import import import_model
from fer_core.exchange.model_zip import write_zip
from tests.fake_hub import FakeHub
from tests.small_models import save_small_model

LEADS_OUT = [("happy/1.png", "/etc/passwd"), ("happy/2.png", "../../secret"), ("happy", "..")]
STAYS_IN = [("happy/1.png", "2.png"), ("happy/3.png", "../sad/1.png"), ("happy/4.png", "../sad/../a")]


def _pack_zip(path: Path, name: str, target: str) -> None:
    with zipfile.ZipFile(path, "w") as packed:
        info = zipfile.ZipInfo(name)
        info.external_attr = 0o120777 << 16
        packed.writestr(info, target)


def _pack_tar(path: Path, name: str, target: str) -> None:
    with tarfile.open(path, "w") as packed:
        info = tarfile.TarInfo(name)
        info.type, info.linkname = tarfile.SYMTYPE, target
        packed.addfile(info)


def _make_folder(path: Path, name: str, target: str) -> None:
    (path / name).parent.mkdir(parents=True)
    (path / name).symlink_to(target)


KINDS = {"zip": _pack_zip, "tar": _pack_tar, "folder": _make_folder}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("link", LEADS_OUT + STAYS_IN)
def test_a_link_in_a_source_of_pictures(tmp_path, kind, link):
    KINDS[kind](tmp_path / "set", *link)
    refused = pytest.raises(DataError, match=f"link .*{link[0]}|{link[0]} is a link")
    with refused if link in LEADS_OUT else nullcontext(), open_tree(tmp_path / "set") as tree:
        tree.names()


def test_a_hard_link_out_of_a_tar(tmp_path):
    with tarfile.open(tmp_path / "set.tar", "w") as packed:
        info = tarfile.TarInfo("happy/1.png")
        info.type, info.linkname = tarfile.LNKTYPE, "../secret.png"
        packed.addfile(info)
    with pytest.raises(DataError, match="secret"), open_tree(tmp_path / "set.tar"):
        pass


@pytest.fixture
def secret(tmp_path):
    path = tmp_path / "id_ed25519"
    path.write_text("a private key")
    return path


@pytest.fixture
def linked(workspace, secret) -> CheckpointEntry:
    """A model of the workspace whose card is a link to a private file."""
    folder = save_small_model(workspace, "linked")
    (folder / CARD_FILE).symlink_to(secret)
    return CheckpointEntry("linked", folder, load_checkpoint_info(folder))


def test_a_linked_card_is_neither_shown_nor_zipped_nor_pushed(linked, tmp_path):
    hub = FakeHub()
    for use in (
        lambda: load_card(linked.folder),
        lambda: write_zip(linked, tmp_path / "model.zip"),
        lambda: push_to_hub(linked, "me/model", api=hub),
    ):
        with pytest.raises(CheckpointError, match=f"{CARD_FILE} is a link"):
            use()
    assert not (tmp_path / "model.zip").exists()
    assert not hub.files


def test_a_model_folder_with_a_link_is_not_imported(linked, workspace):
    with pytest.raises(CheckpointError, match=f"{CARD_FILE} is a link"):
        import_model([linked.folder], workspace, name="copy")
    assert not (workspace.models / "copy").exists()


def test_a_snapshot_of_the_hubs_cache_is_no_danger(workspace, tmp_path):
    """There every file is a link to `blobs`, beside the snapshots."""
    made = save_small_model(workspace, "made")
    cache = tmp_path / "models--me--made"
    snapshot = cache / "snapshots" / "abc"
    snapshot.mkdir(parents=True)
    (cache / "blobs").mkdir()
    for number, path in enumerate(sorted(made.iterdir())):
        path.rename(cache / "blobs" / str(number))
        (snapshot / path.name).symlink_to(os.path.relpath(cache / "blobs" / str(number), snapshot))
    assert (import_model([snapshot], workspace, name="copy").entry.folder / INFO_FILE).is_file()
