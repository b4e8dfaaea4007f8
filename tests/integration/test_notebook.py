"""The demo notebook runs from top to bottom, as it is committed."""

import re
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).resolve().parents[2] / "notebooks" / "demo.ipynb"


@pytest.fixture
def notebook():
    return nbformat.read(NOTEBOOK, as_version=4)


def test_it_is_committed_without_outputs_and_paths_of_a_machine(notebook):
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert len(code) > 8
    assert not any(cell.outputs or cell.execution_count for cell in code)
    text = NOTEBOOK.read_text(encoding="utf-8")
    numbers = {name: int(re.search(rf"\b{name}=(\d+)", text)[1]) for name in ("num_images", "epochs")}
    assert numbers["num_images"] * numbers["epochs"] <= 2000, "it promises half a minute"
    assert not any(root in text for root in ("/home/", "/Users/", "/work/", "/tmp/", "C:\\\\"))


def test_it_runs_and_shows_what_it_promises(notebook, tmp_path, monkeypatch):
    monkeypatch.setenv("FER_WORKSPACE", str(tmp_path / "untouched"))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    NotebookClient(
        notebook, timeout=600, kernel_name="python3", resources={"metadata": {"path": tmp_path}}
    ).execute()

    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    printed = "".join(output.text for output in outputs if output.output_type == "stream")
    assert "accuracy" in printed
    assert "happiness" in printed, "the photograph shows a smile"
    assert "model-fp32.onnx" in printed
    charts = [output for output in outputs if "application/vnd.plotly.v1+json" in output.get("data", {})]
    assert len(charts) == 5
    assert not (tmp_path / "untouched").exists()
