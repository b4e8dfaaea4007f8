"""Array importers of installed packages that do not work: who is named, and that nothing is left."""

import numpy as np
import pandas as pd
import pytest

from fer_core.data.importers.base import IMPORTERS, ArrayImporter, Importer, Item, Scan
from fer_core.data.importing import import_source, inspect_source
from fer_core.data.store import load_dataset, write_dataset
from fer_core.errors import DataError, FerError, PluginError

WORDS = ("happy", "sad")


def write(source, target, *, votes=None, replace=False, on_progress=None, value=7, **columns):
    samples = {"label": ["happiness", "sadness"], "split": "train", "source": source.name, "image_name": ""}
    if on_progress is not None:
        on_progress(1, 2)
    return write_dataset(
        target,
        images=np.full((2, 8, 8), value, np.uint8),
        samples=pd.DataFrame({**samples, **columns}),
        classes=("happiness", "sadness"),
        importer="foreign",
        source=source.name,
        replace=replace,
    )


def fail(*_given, **_options):
    raise KeyError("pixels")


def write_half(source, target, **_options):
    target.mkdir()
    (target / "images.npy").write_bytes(b"half")
    raise RuntimeError("half way")


def write_junk(source, target, **_options):
    target.mkdir()
    (target / "dataset.json").write_text("{}")


def write_elsewhere(source, target, **options):
    return write(source, target.with_name("other"), **options)


def refuse(source, target, **_options):
    raise DataError("line 3: no pixels")


BROKEN = {
    "fails": (fail, PluginError, "failed to import faces.arr: KeyError: 'pixels'. Update or uninstall"),
    "takes nothing": (lambda path: None, PluginError, "failed to import faces.arr: TypeError"),
    "half": (write_half, PluginError, "failed to import faces.arr: RuntimeError: half way"),
    "nothing": (lambda *_given, **_options: None, PluginError, "wrote nothing; expected the data set faces"),
    "elsewhere": (write_elsewhere, PluginError, "wrote nothing; expected the data set faces"),
    "junk": (write_junk, PluginError, "wrote no data set that can be read: "),
    "refuses": (refuse, DataError, ": line 3: no pixels"),
    "other labels": (
        lambda *given, **options: write(*given, **options, label=["happy", "sad"]),
        DataError,
        ": labels .'happy', 'sad'. are not among the classes",
    ),
}


@pytest.fixture
def source(tmp_path, add_plugin):
    """Registers an importer that writes so, and finds what it reads."""
    path = tmp_path / "faces.arr"
    path.write_text("x")

    def add(writer):
        def find(tree, path):
            return path if path.suffix == ".arr" else None

        add_plugin(IMPORTERS, "foreign", ArrayImporter(title="arrays", find=find, write=writer))
        return inspect_source(path)

    return add


@pytest.mark.parametrize("fault", BROKEN)
@pytest.mark.parametrize("replace", [False, True])
def test_a_packages_importer_that_can_not_write_leaves_all_as_it_was(tmp_path, source, fault, replace):
    writer, error, message = BROKEN[fault]
    folder = tmp_path / "sets"
    folder.mkdir()
    if replace:
        write(tmp_path, folder / "faces", value=1)
    with pytest.raises(error, match=f"^the importer 'foreign' of the package fer-foreign ?{message}"):
        import_source(source(writer), folder / "faces", replace=replace)
    assert [path.name for path in folder.iterdir()] == ["faces"] * replace
    assert not replace or (load_dataset(folder / "faces").images == 1).all()


def test_a_packages_data_set_takes_its_place(tmp_path, source):
    told = []
    target = tmp_path / "sets" / "faces"
    found = source(write)
    report = import_source(found, target, on_progress=lambda *given: told.append(given))
    assert (report.info.name, report.info.num_images, told) == ("faces", 2, [(1, 2)])
    assert (load_dataset(target).images == 7).all()
    with pytest.raises(FerError, match="exists already"):
        import_source(found, target)
    import_source(source(lambda *given, **options: write(*given, **options, value=9)), target, replace=True)
    assert (load_dataset(target).images == 9).all()
    assert [path.name for path in target.parent.iterdir()] == ["faces"]


def test_a_packages_reader_that_fails_is_named(tmp_path, add_plugin):
    def scan(_tree):
        items = (Item(path=f"{word}/{number}.png", label=word) for number in range(9) for word in WORDS)
        return Scan(tuple(items), reader=fail)

    add_plugin(IMPORTERS, "foreign", Importer(title="pictures", scan=scan))
    (tmp_path / "source").mkdir()
    with pytest.raises(PluginError, match=r"fer-foreign failed to open the pictures of source: KeyError"):
        import_source(inspect_source(tmp_path / "source"), tmp_path / "sets" / "faces")
    assert not list(tmp_path.glob("sets/*"))
