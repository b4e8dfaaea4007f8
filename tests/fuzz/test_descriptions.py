"""JSON files of the workspace and of strangers: only a FerError, or something that can be used, comes out."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fer_core.checkpoint import load_checkpoint_info
from fer_core.errors import FerError
from fer_core.evaluation.stored_reports import load_report
from fer_core.exchange.card import decode_card
from fer_core.exchange.checking import read_foreign_info
from fer_core.exported import list_exports
from fer_core.inference.ice import parse_ice_servers
from fer_core.io import read_json, to_json_line, write_json
from tests.fuzz.harness import NUM_INPUTS, attempt, changed, damaged, inputs, json_files

MODEL = {
    "schema_version": 1,
    "name": "fer-small",
    "architecture": "fer_resnet",
    "arguments": {"widths": "8-8-8", "stem_width": 8},
    "classes": ["neutral", "happiness", "anger"],
    "input": {
        "height": 48,
        "width": 48,
        "color": "gray",
        "mean": [0.5],
        "std": [0.25],
        "framing": {"side_per_height": 1.04, "shift_up": 0.02},
    },
    "weights_sha256": "ab" * 32,
    "num_parameters": 1234,
    "temperature": 1.2,
    "data": {"name": "ferplus", "fingerprint": "cd" * 32, "class_prior": {"neutral": 0.5, "happiness": 0.5}},
    "metrics": [{"protocol": "FER+ majority", "split": "valid", "n": 3199, "accuracy": 0.86}],
    "origin": {"run": "run-1", "epoch": 3},
}
EXPORTS = {
    "schema_version": 1,
    "files": [
        {
            "path": "model-fp32.onnx",
            "precision": "fp32",
            "embedding": True,
            "uint8_input": False,
            "num_bytes": 1000,
            "sha256": "ab" * 32,
            "weights_sha256": "cd" * 32,
            "created": "2026-01-01T00:00:00+00:00",
            "parity": {
                "dataset": "ferplus",
                "split": "valid",
                "num_images": 100,
                "max_difference": 1e-5,
                "max_probability_difference": 1e-6,
                "label_agreement": 1.0,
                "accuracy": 0.8,
                "accuracy_torch": 0.8,
                "protocol": "FER+ majority",
            },
        }
    ],
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz")


@given(data=json_files(MODEL))
@inputs()
def test_any_json(folder, data):
    path = folder / "any.json"
    path.write_bytes(data)
    attempt("json", lambda: read_json(path, FerError))


@given(data=json_files(MODEL))
@inputs(2)
def test_model_json(folder, data):
    (folder / "model.json").write_bytes(data)

    def use(info):
        json.dumps(info.to_dict())
        assert info.class_prior is None or abs(sum(info.class_prior) - 1) < 1e-6
        assert info.input.channels in (1, 3)
        f"{info.name} {info.input} {', '.join(info.classes)}".encode()

    attempt("model.json", lambda: load_checkpoint_info(folder), check=use)


@given(data=json_files(MODEL))
@inputs(2)
def test_model_json_of_a_stranger(folder, data):
    path = folder / "foreign.json"
    path.write_bytes(data)
    attempt(
        "model.json of a stranger",
        lambda: read_foreign_info(path),
        check=lambda info: write_json(folder / "again.json", info.to_dict()),
    )


@given(data=json_files(EXPORTS))
@inputs()
def test_exports_json(folder, data):
    (folder / "exports.json").write_bytes(data)
    (folder / "model-fp32.onnx").touch()
    attempt(
        "exports.json",
        lambda: list_exports(folder),
        check=lambda records: [record.path.relative_to(folder) for record in records],
    )


@pytest.fixture(scope="module")
def report() -> dict:
    """A true report of made-up predictions."""
    import numpy as np

    from fer_core.evaluation.predictions import Predictions
    from fer_core.evaluation.report import Subject, build_report

    rng = np.random.default_rng(0)
    chances = rng.dirichlet(np.ones(3), 40)
    predictions = Predictions(
        classes=("neutral", "happiness", "anger"),
        rows=np.arange(40),
        labels=rng.integers(0, 3, 40),
        probabilities=chances,
    )
    subject = Subject(
        model="small",
        weights_sha256="ab" * 32,
        architecture="fer_resnet",
        num_parameters=1000,
        weights_bytes=4000,
        dataset="ferplus",
        data_fingerprint="cd" * 32,
        split="valid",
        protocol="FER+ majority",
    )
    return json.loads(to_json_line(build_report(predictions, subject, num_resamples=5).to_dict()))


@given(choice=st.data())
@inputs()
def test_report_json(folder, report, choice):
    (folder / "report.json").write_bytes(choice.draw(json_files(report)))
    attempt(
        "report.json",
        lambda: load_report(folder),
        check=lambda value: json.dumps(value.to_dict(), default=str),
    )


@given(value=changed([{"urls": ["turn:turn.example.org:3478"], "username": "me", "credential": "s"}]))
@inputs()
def test_ice_servers(value):
    attempt("ICE servers", lambda: parse_ice_servers(value, source="the test"))


@given(data=json_files([{"urls": "turn:turn.example.org:3478", "username": "me", "credential": "s"}]))
@inputs()
def test_ice_servers_as_text(data):
    attempt("ICE servers", lambda: parse_ice_servers(data.decode(errors="replace"), source="the test"))


@given(data=damaged("# A card\r\n![x](http://a/b.png) <script>é</script>\n".encode()))
@inputs()
def test_model_card(data):
    attempt("MODEL_CARD.md", lambda: decode_card(data, source="card"))


def test_the_short_run_is_short():
    assert NUM_INPUTS >= 20
