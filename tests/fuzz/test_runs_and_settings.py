"""Files of runs, searches and settings, and names that come out of an address."""

import json
import tomllib
from dataclasses import asdict
from pathlib import Path

import pytest
import tomli_w
from hypothesis import given
from hypothesis import strategies as st

from app.shared import run_format
from app.train import run_view
from fer_core.checkpoint import find_checkpoint
from fer_core.config import config_from_dict, config_to_dict, dump_config, load_config, load_preset
from fer_core.data.builtin import open_dataset
from fer_core.inference.class_prior import parse_prior
from fer_core.runs.notes import clean_tags, load_notes, save_notes
from fer_core.runs.reader import compute_queue_positions, get_ticket, list_runs, load_run
from fer_core.runs.records import QueueEntry
from fer_core.sweeps import load_sweep
from fer_core.sweeps.space import load_space
from fer_core.workspace import Workspace, validate_name
from tests.fuzz.harness import attempt, changed, damaged, inputs, json_files
from tests.small_runs import save_small_run

SPACE = {
    "space": {
        "optimizer.learning_rate": {"low": 1e-4, "high": 0.1, "log": True},
        "batch_size": {"low": 32, "high": 128, "step": 32},
        "optimizer.name": {"choices": ["sgd", "adamw"]},
    }
}


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    workspace = Workspace(tmp_path_factory.mktemp("fuzz") / "workspace")
    save_small_run(workspace, "run-1")
    save_small_run(
        workspace, "run-2", state="queued", facts={"queue": QueueEntry(submitted=3.0, candidates=("cpu",))}
    )
    return workspace


def _use_run(run):
    """What listings and pages do with any run."""
    for part in ("model", "data", "optimizer"):
        run.config.get(part, {}).get("name", "")
    json.dumps([run.state, asdict(run.status), run.tags, run.config], default=str).encode()
    get_ticket(run)
    run_format.order_by_interest(run)
    for words in (
        run_format.describe_state(run),
        run_view._describe_where(run),
        run_view._describe_progress(run),
    ):
        words.encode()
    assert 0 <= run_format.get_progress(run) <= 1
    compute_queue_positions([run, run])


@given(choice=st.data())
@inputs(2)
def test_status_json(workspace, choice):
    path = workspace.runs / "run-2" / "status.json"
    valid = {
        **{"schema_version": 1, "state": "running", "host": "here", "pid": 1, "process_started": 3.0},
        **{
            "process_birth": "a/1",
            "heartbeat": 3.0,
            "epoch": 1,
            "num_epochs": 3,
            "eta_s": 2.5,
            "message": "x",
        },
        "queue": {"submitted": 3.0, "candidates": ["cpu"]},
    }
    path.write_bytes(choice.draw(json_files(valid)))
    attempt("status.json", lambda: load_run(path.parent), check=_use_run)
    list_runs(workspace)


@given(choice=st.data())
@inputs()
def test_config_toml_of_a_run(workspace, choice):
    path = workspace.runs / "run-1" / "config.toml"
    path.write_bytes(choice.draw(_toml_files(config_to_dict(load_preset("quick")))))
    attempt("config.toml of a run", lambda: load_run(path.parent), check=_use_run)
    list_runs(workspace)


@given(data=json_files({"schema_version": 1, "tags": ["a", "b"], "notes": "text"}))
@inputs()
def test_notes_json(workspace, data):
    folder = workspace.runs / "run-1"
    (folder / "notes.json").write_bytes(data)
    attempt(
        "notes.json",
        lambda: load_notes(folder),
        check=lambda notes: "".join((*notes.tags, notes.notes)).encode(),
    )


@given(tags=st.lists(st.text(max_size=50), max_size=25), notes=st.text(max_size=200))
@inputs()
def test_what_a_person_writes(workspace, tags, notes):
    folder = workspace.runs / "run-1"

    def use(written):
        assert load_notes(folder) == written
        assert clean_tags(written.tags) == written.tags

    attempt("tags and notes", lambda: save_notes(folder, tags, notes), check=use)


@given(lines=st.lists(json_files({"epoch": 1, "valid_accuracy": 0.5}), max_size=4))
@inputs()
def test_metrics_jsonl(workspace, lines):
    folder = workspace.runs / "run-1"
    (folder / "config.toml").write_text(dump_config(load_preset("quick")))
    (folder / "notes.json").unlink(missing_ok=True)
    for name in ("metrics.jsonl", "gradients.jsonl"):
        (folder / name).write_bytes(b"\n".join(lines))
    run = load_run(folder)
    attempt(
        "metrics.jsonl",
        lambda: [*run.load_metrics(), *run.load_gradients()],
        check=lambda found: json.dumps([asdict(item) for item in found]),
    )


@given(data=json_files({"epoch": 1, "classes": ["a", "b"], "confusion": [[1, 2], [3, 4]], "samples": []}))
@inputs()
def test_validation_and_meta(workspace, data):
    folder = workspace.runs / "run-1"
    (folder / "config.toml").write_text(dump_config(load_preset("quick")))
    (folder / "notes.json").unlink(missing_ok=True)
    for name in ("validation.json", "meta.json"):
        (folder / name).write_bytes(data)
    run = load_run(folder)
    attempt("validation.json", run.load_validation)
    attempt("meta.json", lambda: run.meta)


def _toml_files(valid: dict) -> st.SearchStrategy[bytes]:
    """TOML files: fields changed, bytes changed, not TOML."""

    def dump(value):
        try:
            return tomli_w.dumps(value).encode("utf-8", "surrogatepass")
        except (TypeError, AttributeError):  # TOML has no null, and must be a table
            return b"a = [[[[" + str(value).encode("utf-8", "surrogatepass")

    whole = tomli_w.dumps(valid).encode()
    strange = st.sampled_from(
        (b"", b"a = " + b"[" * 5000, b"a = " + b"9" * 6000, b"\xef\xbb\xbfepochs = 1", b"epochs = 1979-05-27",
         b"epochs = inf", b"[model]\n[model]", b"a.b = 1\na = 2", b"epochs = '''", b"model = 3")
    )  # fmt: skip
    files = changed(valid).map(dump)
    return st.one_of(files, files, files, damaged(whole), strange)


@given(choice=st.data())
@inputs(2)
def test_settings(workspace, choice):
    path = workspace.root / "settings.toml"
    path.write_bytes(choice.draw(_toml_files(config_to_dict(load_preset("quick")))))

    def use(config):
        assert config_from_dict(tomllib.loads(dump_config(config))) == config

    attempt("settings (TOML)", lambda: load_config(path), check=use)


@given(choice=st.data())
@inputs()
def test_search_space(workspace, choice):
    path = workspace.root / "space.toml"
    path.write_bytes(choice.draw(_toml_files(SPACE)))
    attempt("search space (TOML)", lambda: load_space(path))


@given(choice=st.data())
@inputs()
def test_sweep(workspace, choice):
    folder = workspace.root / "sweeps" / "one"
    folder.mkdir(parents=True, exist_ok=True)
    valid = {
        "pruner": "median",
        "seed": 0,
        "storage": "",
        "base": config_to_dict(load_preset("quick")),
        **SPACE,
    }
    (folder / "sweep.toml").write_bytes(choice.draw(_toml_files(valid)))
    attempt("sweep.toml", lambda: load_sweep("one", workspace))


ADDRESSES = st.one_of(
    st.text(max_size=120),
    st.sampled_from(
        ("", ".", "..", "../..", "/", "/etc", "~", "~root", "run-1", "run-1/best", "run-1/../run-1", "\x00",
         "a\x00b", "%2e%2e", "..\\..", "C:\\", "\\\\host\\share", "run-1\n", "x" * 5000, "con", "é",
         "\u202e", "-rf", "a//b", "~" * 3)
    ),
    st.lists(st.sampled_from(("..", ".", "run-1", "best", "a", "", "~", "\x00")), max_size=8).map("/".join),
)  # fmt: skip


@given(name=ADDRESSES)
@inputs(2)
def test_names_out_of_an_address(workspace, name):
    def check(folder: Path, parent: Path) -> None:
        assert folder.parent == parent
        assert folder.resolve().parent == parent.resolve()

    attempt("name", lambda: validate_name(name, "run"), check=lambda value: value.encode("ascii"))
    attempt("run=", lambda: workspace.run(name), check=lambda folder: check(folder, workspace.runs))
    attempt("run=", lambda: load_run(workspace.run(name)))
    attempt(
        "dataset=", lambda: workspace.dataset(name), check=lambda folder: check(folder, workspace.datasets)
    )
    attempt("model=", lambda: find_checkpoint(name, workspace))
    attempt("sweep=", lambda: load_sweep(name, workspace))


@given(name=ADDRESSES)
@inputs(0.5)
def test_names_of_data_sets(workspace, name):
    if name.strip() != "schematic-faces":
        attempt("dataset=", lambda: open_dataset(name, workspace))


@given(
    text=st.one_of(
        st.text(max_size=60),
        damaged(b"a=0.5,b=0.25,c=2").map(lambda d: d.decode("latin-1")),
    )
)
@inputs()
def test_prior(text):
    attempt("class prior", lambda: parse_prior(text, ("a", "b", "c"), (0.5, 0.3, 0.2)))
