"""An installed package (tests/plugin_example) adds to every registry, and nothing of this tree knows it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from fer_core.workspace import PROJECT_ROOT
from tests.unit.data.pictures import encode, write_tree

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

    def fer(self, *commands: str) -> str:
        """What commands print, each without its `fer`; one process runs them all."""
        return self.run(RUN_COMMANDS, "\n".join(commands))


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


@pytest.fixture(scope="module")
def printed(place: Place) -> str:
    """What importing with the example's importer, training its network and using its detector print."""
    return place.fer(
        "import faces --name faces",
        "train --name run --model.name example_net --model.arguments.width 4 --data.dataset faces --epochs 1 "
        "--batch-size 8 --data.label-mode majority --device cpu --precision fp32 --log.no-tensorboard",
        "summary run",
        "predict faces/0.png --model run --detector example_middle --device cpu",
    )


def test_commands_use_its_parts(printed: str) -> None:
    assert "example_list: 20 pictures" in printed
    assert "finished: " in printed
    assert "convolution" in printed, "of the network's layers"
    assert "detector example_middle" in printed


def test_help_names_its_parts(place: Place) -> None:
    printed = place.fer("import --help", "predict --help", "train --help")
    assert all(name in printed for name in ("example_list", "example_middle", "example_net"))


LOOK_AT_PAGES = """
import sys
from streamlit.testing.v1 import AppTest
from fer_core.workspace import PROJECT_ROOT

IMPORT = "from app.explore_data import import_dataset\\nimport_dataset.render()"

def open_page(name):
    page = AppTest.from_file(str(PROJECT_ROOT / "pages" / name), default_timeout=600).run()
    assert not page.exception, page.exception
    return page

page = AppTest.from_string(IMPORT, default_timeout=600).run()
page = page.segmented_control(key="import_origin").set_value("path").run()
page = page.text_input(key="import_path").set_value(sys.stdin.read()).run()
print(*[item.value for item in page.markdown])
for name in ("train.py", "analyze_media.py"):
    for box in open_page(name).selectbox:
        print(name, box.label, *box.options)
"""


def test_pages_offer_its_parts(place: Place, printed: str) -> None:
    # Started where Streamlit's settings are: a path may be named only where the server is this machine's own.
    shown = place.run(LOOK_AT_PAGES, str(place.folder / "faces"), where=PROJECT_ROOT).splitlines()
    assert "20 pictures in an example's faces.ini" in "\n".join(shown)
    assert any(
        line.startswith("analyze_media.py Face detector") and "Middle (example)" in line for line in shown
    )
    assert any(line.startswith("train.py") and "example_net" in line for line in shown)
