"""Results formats of installed packages."""

from types import SimpleNamespace

import pandas as pd
import pytest

from fer_core.errors import ConfigError, PluginError, StorageError
from fer_core.results import RESULTS, ResultsFormat, build_schema, encode_table, write_table

ROWS = [{"frame": 0}, {"frame": 1}]


def fail(*_arguments):
    raise KeyError("x")


def do_nothing(*_arguments):
    pass


def fill_the_disk(*_arguments):
    raise OSError(28, "No space left on device")


def make_writer(write_batch=do_nothing, close=do_nothing):
    return lambda path, schema: SimpleNamespace(write_batch=write_batch, close=close)


FAULTS = {
    "open": (fail, "failed to open a table: KeyError: 'x'"),
    "None": (do_nothing, "failed to write rows of a table: AttributeError"),
    "write": (make_writer(write_batch=fail), "failed to write rows of a table: KeyError"),
    "close": (make_writer(close=fail), "failed to close a table: KeyError"),
    "nothing": (make_writer(), "wrote (an empty|no) file; rows given: 2"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_packages_broken_format_is_named_and_leaves_nothing(tmp_path, add_plugin, fault):
    opens, message = FAULTS[fault]
    add_plugin(RESULTS, "foreign", ResultsFormat(title="x", open=opens))
    message = f"^the results format 'foreign' of the package fer-foreign {message}"
    with pytest.raises(PluginError, match=message):
        write_table(tmp_path / "a.foreign", ROWS, build_schema(["frame"], []))
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(PluginError, match=message):
        encode_table(pd.DataFrame(ROWS), "foreign")


def test_a_full_disk_is_no_fault_of_the_package(tmp_path, add_plugin):
    opens = make_writer(write_batch=fill_the_disk)
    add_plugin(RESULTS, "foreign", ResultsFormat(title="x", open=opens))
    with pytest.raises(StorageError):
        write_table(tmp_path / "a.foreign", ROWS, build_schema(["frame"], []))


def test_a_table_without_rows_may_be_an_empty_file(tmp_path, add_plugin):
    add_plugin(RESULTS, "foreign", ResultsFormat(title="x", open=make_writer()))
    write_table(tmp_path / "a.foreign", [], build_schema(["frame"], []))
    assert (tmp_path / "a.foreign").read_bytes() == b""


@pytest.mark.parametrize("name", ["JSONX", "tar.gz", ".jsonx", "", "a b", "ähm"])
def test_a_format_that_no_file_name_finds_is_refused(name):
    with pytest.raises(ConfigError, match="expected a file extension without its dot, in small letters"):
        RESULTS.register(name)
