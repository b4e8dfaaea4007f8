"""Slow-to-make things that several tests use."""

from pathlib import Path

import pytest

from fer_core.data.importers.fer2013 import import_fer2013
from fer_core.data.store import Dataset, load_dataset


@pytest.fixture(scope="session")
def real_ferplus(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """FER2013 with FER+ votes: the rows that are at hand here."""
    target = tmp_path_factory.mktemp("datasets") / "ferplus"
    import_fer2013(shared / "data" / "fer2013.zip", target, votes=shared / "data" / "fer2013new.csv")
    return load_dataset(target)


@pytest.fixture(scope="session")
def real_fer2013(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """The same pictures with FER2013's own seven labels."""
    target = tmp_path_factory.mktemp("datasets") / "fer2013"
    import_fer2013(shared / "data" / "fer2013.zip", target)
    return load_dataset(target)
