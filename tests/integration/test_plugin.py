"""An installed package (tests/plugin_example) adds to every registry, and nothing of this tree knows it."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from fer_core.onnx_file import load_onnx_info
from fer_core.workspace import PROJECT_ROOT
from tests.unit.data.pictures import encode, write_tree
from tests.unit.inference.videos import make_video

EXAMPLE = PROJECT_ROOT / "tests" / "plugin_example"

RUN_COMMANDS = """
import shlex, sys
from fer_core.cli import main
for line in sys.stdin.read().splitlines():
    try:
        status = main(shlex.split(line))
    except SystemExit as end:  # of --help
        status = end.code
    if status:
        sys.exit(f"{line}: {status}")
    print(chr(30), end="")
"""


class Place:
    """A folder to work in, with the example package on the path."""

    def __init__(self, folder: Path, packages: Path) -> None:
        self.folder = folder
        path = os.pathsep.join([str(packages), str(PROJECT_ROOT)])
        self._environment = {
            **os.environ,
            "PYTHONPATH": path,
            "FER_WORKSPACE": str(folder / "workspace"),
            "COLUMNS": "200",
        }

    def run(self, code: str, text: str = "", *, where: Path | None = None) -> str:
        """What a program prints."""
        result = subprocess.run(
            [sys.executable, "-c", code],
            input=text,
            capture_output=True,
            text=True,
            cwd=where or self.folder,
            env=self._environment,
            check=False,
        )
        assert result.returncode == 0, result.stderr
        return result.stdout

    def fer(self, *commands: str) -> list[str]:
        """What each of some commands, without its `fer`, prints; one process runs them all."""
        return self.run(RUN_COMMANDS, "\n".join(commands)).split(chr(30))[:-1]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    folder = tmp_path_factory.mktemp("plugin")
    source = shutil.copytree(EXAMPLE, folder / "source")  # setuptools builds in place
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps"]
    command += ["--no-build-isolation", "--disable-pip-version-check", "--target", str(folder / "packages")]
    result = subprocess.run([*command, str(source)], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    files = {f"{number}.png": encode(number) for number in range(20)}
    lines = [f"{number}.png = {('happy', 'sad')[number % 2]}" for number in range(20)]
    write_tree(folder / "faces", {"faces.ini": "\n".join(lines).encode(), **files})
    return Place(folder, folder / "packages")


HELP = [f"{command} --help" for command in ("import", "predict", "train", "evaluate", "export", "annotate")]


@pytest.fixture(scope="module")
def outputs(place: Place) -> list[str]:
    """What help, and then importing, training, scoring, exporting and predicting with its parts print."""
    make_video(place.folder / "clip.mp4", num_frames=3)
    return place.fer(
        *HELP,
        "import faces --name faces",
        "train --name run --model.name example_net --model.arguments.width 4 --data.dataset faces --epochs 1 "
        "--batch-size 8 --data.label-mode majority --device cpu --precision fp32 --log.no-tensorboard",
        "summary run",
        "predict faces/0.png --model run --detector example_middle --device cpu",
        "evaluate run --metrics accuracy,example_brier --resamples 20 --device cpu",
        "export run --format example_rounded",
        "annotate clip.mp4 marked.mp4 --table faces.jsonl --model run --detector example_middle --device cpu",
    )


@pytest.fixture(scope="module")
def printed(outputs: list[str]) -> str:
    """What the commands that do something print."""
    return "".join(outputs[len(HELP) :])


def test_commands_use_its_parts(printed: str) -> None:
    assert "example_list: 20 pictures" in printed
    assert "finished: " in printed
    assert "Conv2d" in printed, "the network's layers"
    assert "detector example_middle" in printed
    assert "Brier score (example)" in printed
    assert "macro-F1" not in printed, "only what --metrics names"
    assert "model-example_rounded.onnx" in printed


def test_what_its_formats_wrote(place: Place, printed: str) -> None:
    rows = [json.loads(line) for line in (place.folder / "faces.jsonl").read_text().splitlines()]
    assert [row["frame"] for row in rows] == [0, 1, 2]
    assert rows[0]["happiness"] + rows[0]["sadness"] == pytest.approx(1)
    (path,) = (place.folder / "workspace" / "runs").glob("run/best/model-example_rounded.onnx")
    # Without the package the file is read all the same.
    assert load_onnx_info(path).precision == "example_rounded"
    weights = [numpy_helper.to_array(item) for item in onnx.load(str(path)).graph.initializer]
    floats = [item for item in weights if item.dtype == np.float32]
    assert floats
    assert not any((item.view(np.uint32) & 0xFFFF).any() for item in floats)


def test_help_names_its_parts(outputs: list[str]) -> None:
    printed = "".join(outputs[: len(HELP)])
    names = ("example_list", "example_middle", "example_net", "example_brier", "example_rounded", ".jsonl")
    assert [name for name in names if name not in printed] == []


LOOK_AT_PAGES = """
import sys
from streamlit.testing.v1 import AppTest
from fer_core.workspace import PROJECT_ROOT, Workspace
from tests.background import finish_task

DOWNLOADS = (
    "import pandas as pd\\nfrom app.analyze_media.table_downloads import render_table_downloads\\n"
    "render_table_downloads(lambda: pd.DataFrame({'label': ['fear']}), 'faces')"
)
IMPORT = "from app.explore_data import import_dataset\\nimport_dataset.render()"

def open_page(name):
    page = AppTest.from_file(str(PROJECT_ROOT / "pages" / name), default_timeout=600).run()
    assert not page.exception, page.exception
    return page

page = AppTest.from_string(IMPORT, default_timeout=600).run()
page = page.segmented_control(key="import_origin").set_value("path").run()
page = page.text_input(key="import_path").set_value(sys.stdin.read()).run()
finish_task(Workspace.default(), "look-into")
page.run()
print(*[item.value for item in page.markdown])
for name in ("train.py", "analyze_media.py"):
    for box in open_page(name).selectbox:
        print(name, box.label, *box.options)
(columns,) = open_page("compare_runs.py").multiselect
print("compare_runs.py", *columns.options)
page = AppTest.from_file(str(PROJECT_ROOT / "pages" / "models.py"), default_timeout=600)
page.query_params["model"], page.query_params["tab"] = "run/best", "ONNX"
page.run()
assert not page.exception, page.exception
print("models.py", *page.segmented_control(key="models-onnx-format").options)
page = AppTest.from_string(DOWNLOADS, default_timeout=600).run()
print("downloads", *[item.proto.label for item in page.get("download_button")])
"""


def test_pages_offer_its_parts(place: Place, printed: str) -> None:
    # Started where Streamlit's settings are: a path may be named only where the server is this machine's own.
    shown = place.run(LOOK_AT_PAGES, str(place.folder / "faces"), where=PROJECT_ROOT).splitlines()
    assert "20 pictures in an example's faces.ini" in "\n".join(shown)
    assert any(
        line.startswith("analyze_media.py Face detector") and "Middle (example)" in line for line in shown
    )
    assert any(line.startswith("train.py") and "example_net" in line for line in shown)
    assert any(line.startswith("compare_runs.py") and "Brier score (example)" in line for line in shown)
    assert "models.py fp32 fp16 int8 example_rounded" in shown
    assert "downloads Table (CSV) Table (Parquet) Table (JSON lines)" in shown
