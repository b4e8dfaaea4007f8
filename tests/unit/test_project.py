"""Promises about the project as a whole."""

import ast
import json
import re
import runpy
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

import fer_core
from fer_core.cli import COMMANDS, main
from fer_core.extras import EXTRAS
from fer_core.labels import EXPRESSIONS
from fer_core.palette import EMOTION_COLORS, hex_to_rgb
from tests.unit.inference.videos import make_video

ROOT = Path(__file__).resolve().parents[2]


PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS_OF_PACKAGES = {
    name: {line for line in lines if not line.startswith(PROJECT["name"])}
    for name, lines in PROJECT["optional-dependencies"].items()
}


def test_requirements_and_pyproject_name_the_same_packages():
    """But for the runtime, which a wheel and a checkout take in different builds (hatch_build.py)."""
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    required = {line for line in lines if line and not line.startswith(("#", "-e", "onnxruntime"))}
    assert required == set(PROJECT["dependencies"]).union(*EXTRAS_OF_PACKAGES.values())
    assert "-e ." in lines
    hook = (ROOT / "hatch_build.py").read_text()
    assert re.search(r'"(onnxruntime>=.*)"', hook)[1] in (ROOT / "requirements.txt").read_text()


def test_no_link_and_no_environment_is_in_the_repository():
    """A link `.venv` was, into a folder of another machine, where `make run` could not make its own."""
    root, command = Path(__file__).parents[2], ["git", "ls-files", "--stage"]
    listed = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True).stdout
    assert "\tREADME.md\n" in listed
    assert [line for line in listed.splitlines() if line.startswith("120000") or "\t.venv" in line] == []


def test_there_is_one_version():
    cited = re.search(r"^version: (.*)$", (ROOT / "CITATION.cff").read_text(), re.MULTILINE)
    assert PROJECT["version"] == fer_core.__version__ == cited[1]


def test_the_code_is_for_every_python_that_is_promised():
    """Syntax and library of 3.11 at least; nothing that 3.12 or 3.13 took away."""
    folders = [str(ROOT / name) for name in ("fer_core", "app", "pages")]
    command = [
        sys.executable,
        "-c",
        "from vermin import main; main()",
        "--target=3.11-",
        "--no-tips",
        "--quiet",
    ]
    done = subprocess.run([*command, *folders], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    removed = {"asynchat", "asyncore", "cgi", "crypt", "distutils", "imghdr", "imp", "pipes", "smtpd"}
    removed |= {"telnetlib", "lib2to3", "uu", "pkg_resources"}
    assert not list_all_imported("fer_core", "app", "pages") & removed


def test_every_package_of_an_extra_is_told_when_it_is_missing():
    packages = packages_distributions()
    for extra, modules in EXTRAS.items():
        owners = {canonicalize_name(packages[module][0]) for module in modules}
        assert owners == {canonicalize_name(Requirement(line).name) for line in EXTRAS_OF_PACKAGES[extra]}


UNDECLARED = {
    "pydantic": "FastAPI's models: whichever version it brings",
    "starlette": "what FastAPI is made of: whichever version it brings",
    "google": "protobuf, ONNX's own file format: whichever version onnxruntime brings",
    "opensmile": "only where somebody has installed it, to measure against it: its licence is not commercial",
    "tensorrt": "only where NVIDIA's runtime is installed; onnxruntime's provider for it",
}
"""Imported where they are there."""
UNIMPORTED = {
    "onnxscript": "torch's ONNX export is written in it",
    "torchvision": "timm needs it, and it must fit torch",
    "tensorboard": "torch.utils.tensorboard writes with it",
    "python-multipart": "FastAPI reads uploads with it",
    "websockets": "uvicorn speaks WebSocket with it",
    "httptools": "uvicorn reads HTTP with it",
    "uvloop": "uvicorn's faster loop",
    "cryptography": "the keys of a cluster on this machine (distributed.security)",
}
"""Needed by what is imported."""


def list_imported(*folders: str) -> set[str]:
    """Third-party packages that the modules in these folders import anywhere."""
    own = {path.name for path in ROOT.iterdir()} | {"fer_core"}
    return list_all_imported(*folders) - set(sys.stdlib_module_names) - own


def list_all_imported(*folders: str) -> set[str]:
    """Top names of all modules that the modules in these folders import."""
    names = set()
    for path in (path for folder in folders for path in (ROOT / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                names.add(str(node.module).partition(".")[0])
    return names


def list_declared(*files: str) -> set[str]:
    lines = [line for file in files for line in (ROOT / file).read_text().splitlines()]
    names = {re.match(r"[\w.-]+", line) for line in lines if line and line[0] not in "#-"}
    return {canonicalize_name(name.group()) for name in names if name}


@pytest.mark.parametrize(
    ("folders", "files"),
    [
        (("fer_core", "app", "pages"), ("requirements.txt",)),
        (("tests", "benchmarks", "examples"), ("requirements.txt", "requirements-dev.txt")),
    ],
)
def test_what_is_imported_is_declared(folders, files):
    packages = packages_distributions()
    imported = list_imported(*folders) - UNDECLARED.keys()
    declared = list_declared(*files)
    for name in imported:
        owners = {canonicalize_name(owner) for owner in packages.get(name, [name])}
        assert owners & declared, f"{name} ({', '.join(owners)}) is imported and not in {files}"


def test_what_is_declared_is_imported():
    packages = packages_distributions()
    imported = list_imported("fer_core", "app", "pages")
    owners = {canonicalize_name(owner) for name in imported for owner in packages.get(name, [])}
    known = list_declared("requirements.txt")
    assert known - owners - UNIMPORTED.keys() - {"onnxruntime-gpu", "onnxruntime"} == set()
    assert known >= UNIMPORTED.keys()


def test_requirements_stay_clear_of_the_traps():
    text = (ROOT / "requirements.txt").read_text()
    assert "opencv-python-headless" in text
    assert "<5" in text.split("opencv-python-headless")[1].splitlines()[0]
    torch = next(line for line in text.splitlines() if line.startswith("torch>="))
    assert "<" not in torch, "a range that ends would take the broken CPU build"
    assert re.search(r'^onnxruntime-gpu>=[\d.]+,<2; sys_platform != "darwin"$', text, re.M)


def _read_requirements(*files):
    lines = [line for file in files for line in (ROOT / file).read_text().splitlines()]
    return [Requirement(line) for line in lines if line and line[0] not in "#-"]


def test_constraints_are_what_requirements_accept():
    pinned = {canonicalize_name(item.name): item for item in _read_requirements("constraints.txt")}
    versions = {name: str(item.specifier).removeprefix("==") for name, item in pinned.items()}
    assert all(str(item.specifier) == f"=={versions[name]}" for name, item in pinned.items())
    for required in _read_requirements("requirements.txt", "requirements-dev.txt"):
        assert required.specifier.contains(versions[canonicalize_name(required.name)]), required


def test_lower_bounds_are_of_what_is_tested():
    """No older than the tested minor version, but for torch, which is supported from 2.11 on."""
    pinned = {canonicalize_name(item.name): item.specifier for item in _read_requirements("constraints.txt")}
    for required in _read_requirements("requirements.txt"):
        low = next(item.version for item in required.specifier if item.operator == ">=")
        tested = str(pinned[canonicalize_name(required.name)]).removeprefix("==")
        if required.name in ("torch", "torchvision", "filelock"):
            continue
        assert Version(low).release[:2] == Version(tested).release[:2], required


_CLEAN = {"name": "a", "version": "1", "vulns": []}
_SKIPPED = {"name": "b", "skip_reason": "?"}
_AFFECTED = {"name": "c", "version": "1", "vulns": [{"id": "CVE-1", "fix_versions": ["2"]}]}


@pytest.mark.parametrize(
    ("packages", "status", "words"),
    [
        (None, 2, "NOT AUDITED.*no route"),
        ([_SKIPPED], 2, "NOT AUDITED"),
        ([_CLEAN], 0, "1 packages looked up, 0 known"),
        ([_CLEAN, _SKIPPED], 2, "NOT AUDITED: 1 packages without an answer: b"),
        ([_CLEAN, _AFFECTED, _SKIPPED], 1, "c 1: CVE-1.*2"),
    ],
)
def test_an_audit_that_nobody_answers_is_none(packages, status, words):
    answer = "" if packages is None else json.dumps({"dependencies": packages})
    report = runpy.run_path(str(ROOT / ".ci" / "audit.py"))["report"]
    found, text = report(answer, "requests.exceptions.ConnectionError: no route")
    assert found == status and re.search(words, text, re.S)


def test_the_server_is_local_silent_and_asks_nothing():
    config = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text())
    assert config["server"]["address"] == "localhost"
    assert config["server"]["showEmailPrompt"] is False, "the first `streamlit run` would wait for an answer"
    assert config["server"]["enableXsrfProtection"] is True
    assert config["browser"]["gatherUsageStats"] is False


def list_heavy_modules(*command_lines: list[str]) -> dict[str, list[str]]:
    """Which heavy libraries each command line imports, each in a fork of one process that has imported `fer`.

    All but the first begin with tyro.
    """
    script = f"""
import json, os, sys
from fer_core.cli import main
for words in {list(command_lines)}:
    sys.stdout.flush()
    if os.fork():
        assert os.wait()[1] == 0, words
        import tyro, fer_core.config  # once for all commands that follow
        continue
    try:
        status = main(words)
    except SystemExit as end:
        status = end.code
    heavy = "torch timm accelerate kornia cv2 sklearn pandas streamlit tyro".split()
    print(json.dumps([words[0], [name for name in heavy if name in sys.modules]]), flush=True)
    os._exit(status or 0)
"""
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return dict(json.loads(line) for line in result.stdout.splitlines() if line.startswith('["'))


@pytest.fixture(scope="module")
def imported_for_help():
    return list_heavy_modules(["--help"], *([command, "--help"] for command in COMMANDS))


def test_help_imports_nothing_heavy(imported_for_help):
    assert imported_for_help["--help"] == []


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_a_command_is_light(command, imported_for_help):
    assert set(imported_for_help[command]) <= {"tyro"}


def test_annotating_a_video_loads_neither_torch_nor_pandas(tmp_path):
    """Either is hundreds of megabytes, and seconds before the first frame."""
    source = make_video(tmp_path / "in.mp4", 3)
    words = ["annotate", str(source), str(tmp_path / "out.mp4"), "--detector", "whole-image"]
    assert set(list_heavy_modules(["--help"], words)["annotate"]) <= {"tyro", "cv2"}


def test_usage_names_every_command(capsys):
    assert main(["--help"]) == 0
    printed = capsys.readouterr().out
    assert all(f"  {name}" in printed for name in COMMANDS)


def test_an_unknown_command_is_met_with_the_nearest(capsys):
    assert main(["trian"]) == 2
    assert "fer train" in capsys.readouterr().err


def test_every_emotion_has_a_colour_of_its_own():
    assert set(EMOTION_COLORS) == {name for names in EXPRESSIONS.values() for name in names}
    assert len(set(EMOTION_COLORS.values())) == len(EMOTION_COLORS)


@pytest.mark.parametrize("emotion", EMOTION_COLORS)
def test_colours_are_visible_on_white_and_on_black(emotion):
    """WCAG contrast of at least 1.9 to both: bars and boxes are shapes, the names beside them are text."""
    channels = [value / 255 for value in hex_to_rgb(EMOTION_COLORS[emotion])]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    assert 1.05 / (luminance + 0.05) > 1.9
    assert (luminance + 0.05) / 0.05 > 1.9
