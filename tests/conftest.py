"""Fixtures that every kind of test shares."""

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

# A busy machine is no failure. In CI the examples are the same each time, so that red means a change;
# elsewhere they differ from run to run, and what failed is tried again.
settings.register_profile(
    "project",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize="CI" in os.environ,
)
settings.load_profile("project")
# Trackers and hubs must not be reached from tests, whatever the machine is set up for.
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("FER_OFFLINE", "1")
# Small matrices on several cores cost more than they gain, and workers share the cores.
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

ROOT = Path(__file__).resolve().parent.parent
SLOW_FIRST = ("e2e", "integration")
"""Folders of tests whose files take minutes: started first, so that no worker waits for the last of them."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the slow folders first."""
    items.sort(key=lambda item: _rank(item.nodeid))


def _rank(nodeid: str) -> int:
    folder = nodeid.split("/")[1]
    return SLOW_FIRST.index(folder) if folder in SLOW_FIRST else len(SLOW_FIRST)


def pytest_sessionfinish() -> None:
    """Keep what a worker measured: xdist ends it ten seconds later, saved or not."""
    measuring = sys.modules.get("coverage")
    if measuring and "PYTEST_XDIST_WORKER" in os.environ and (current := measuring.Coverage.current()):
        current.save()


@pytest.fixture(autouse=True)
def same_main() -> Iterator[None]:
    """AppTest leaves the page as `__main__`, which worker processes that are started later would import."""
    main = sys.modules["__main__"]
    yield
    sys.modules["__main__"] = main


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """One worker drives all browsers, one after the other; the others take the rest, a file at a time."""
    from xdist.scheduler import LoadScopeScheduling

    class Scheduling(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return "browser" if nodeid.startswith("tests/e2e/") else nodeid.split("::", 1)[0]

    return Scheduling(config, log)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real data beside the checkout, where there is one."""
    folder = ROOT.parent / "shared"
    if not (folder / "data").is_dir():
        pytest.skip("no ../shared beside this checkout")
    return folder


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """An empty workspace that the code under test finds as its default."""
    from fer_core.workspace import Workspace

    monkeypatch.setenv("FER_WORKSPACE", str(tmp_path / "workspace"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return Workspace.default()


@pytest.fixture
def few_faces(monkeypatch: pytest.MonkeyPatch) -> None:
    """The built-in set has 320 faces: all 4,000 of them take a processor half a minute."""
    from fer_core.data.builtin import write_schematic_faces

    monkeypatch.setitem(write_schematic_faces.__kwdefaults__, "num_images", 320)


@pytest.fixture(scope="session")
def known_graphs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """From here on, no network is exported twice in the same form."""
    from tests.graphs import reuse_graphs

    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent  # that of all workers
    folder = folder / "graphs"
    folder.mkdir(exist_ok=True)
    with reuse_graphs(folder):
        yield


@pytest.fixture(scope="session")
def draw_faces(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Puts drawn faces into a workspace: `draw_faces(workspace, "faces", num_images=320)`.

    Drawing takes a processor 3 ms an image, so each set is drawn once and copied from then on.
    """
    from fer_core.data.builtin import write_schematic_faces
    from fer_core.workspace import Workspace

    drawn = tmp_path_factory.mktemp("drawn")

    def draw(workspace: Workspace, name: str = "faces", *, num_images: int, **options: int) -> Path:
        facts = [f"{key}-{value}" for key, value in sorted(options.items())]
        original = Workspace(drawn / "-".join([str(num_images), *facts])).dataset(name)
        if not original.is_dir():
            write_schematic_faces(Workspace(original.parent.parent), name, num_images=num_images, **options)
        return Path(shutil.copytree(original, workspace.dataset(name)))

    return draw


@pytest.fixture(scope="session")
def browser_runtime(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of onnxruntime-web, which the npm client brings once for all workers."""
    from filelock import FileLock

    from fer_core.browser.runtime import fetch_runtime
    from fer_core.workspace import Workspace

    folder = tmp_path_factory.getbasetemp()
    folder = folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder
    with FileLock(folder / "browser-runtime.lock"):
        return fetch_runtime(Workspace(folder / "browser-runtime")).script.parent


@pytest.fixture(scope="session")
def browser_workspace(browser_runtime: Path, shared: Path, tmp_path_factory: pytest.TempPathFactory):
    """A workspace in which pages for browsers can be made: with YuNet and onnxruntime-web."""
    from fer_core.inference.downloads import YUNET, install_file
    from fer_core.workspace import Workspace

    workspace = Workspace(tmp_path_factory.mktemp("for-browsers") / "workspace")
    install_file(YUNET, workspace, shared / "models" / YUNET.file_name)
    shutil.copytree(browser_runtime, workspace.weights / browser_runtime.name)
    return workspace


@pytest.fixture(scope="session")
def golden(browser_workspace, tmp_path_factory: pytest.TempPathFactory):
    """What Python finds on made frames, for a browser to find, too."""
    from tests.browser_support import make_golden

    return make_golden(tmp_path_factory.mktemp("golden"), browser_workspace)
