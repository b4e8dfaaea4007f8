"""A file of each kind is emptied, cut, zeroed, a folder, or has a wrong byte: told, and no other harm."""

import shutil

import numpy as np
import pytest

from fer_core.errors import FerError
from fer_core.workspace import Workspace
from tests.faults.world import DAMAGES, KINDS, flip, make_folder, make_world

NUM_FLIPS = 40
WORDS = (
    "again",
    "anew",
    "copy",
    "restore",
    "delete",
    "import",
    "remove",
    "move",
    "expected",
    "missing",
    "can't",
)


@pytest.fixture(scope="module")
def world(ram):
    workspace = Workspace((ram / "world").resolve())
    make_world(workspace)
    return workspace


@pytest.fixture(params=KINDS, ids=lambda kind: kind.name)
def kind(request, world):
    kind = request.param
    kind.read(world)  # in order before anything is broken
    return kind


def check(kind, workspace, path, what):
    """Read a damaged file; returns whether it was told."""
    try:
        kind.read(workspace)
    except FerError as error:
        assert path.name in str(error), f"{what}: which file? {error}"
        assert any(word in str(error) for word in WORDS), f"{what}: what to do? {error}"
        return True
    return False


def broken_copy(world, scratch, kind, number):
    workspace = Workspace(shutil.copytree(world.root, scratch / str(number)))
    return workspace, kind.locate(workspace)


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_a_damaged_file_is_told(world, scratch, kind, damage):
    workspace, path = broken_copy(world, scratch, kind, 0)
    damage(path)
    is_told = check(kind, workspace, path, damage.__name__)
    assert is_told or kind.is_tolerant or damage is make_folder


def test_a_wrong_byte_is_told_or_does_no_harm(world, scratch, kind):
    workspace, path = broken_copy(world, scratch, kind, 0)
    whole = path.read_bytes()
    num_told = 0
    for number, share in enumerate(np.linspace(0, 1, NUM_FLIPS)):
        flip(path, float(share), bit=(0x01, 0x10, 0x80)[number % 3])
        num_told += check(kind, workspace, path, f"byte at {share:.2f}")
        path.write_bytes(whole)
    if kind.name in ("images.npy", "safetensors", "predictions.parquet"):
        assert num_told == NUM_FLIPS, "these have a checksum"
    assert kind.read(workspace) is not None
