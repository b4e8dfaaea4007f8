"""The wheel: what is in it, and that it works where nothing else is installed."""

import os
import re
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest
from PIL import Image

from fer_core.extras import EXTRAS
from fer_core.inference.sample import sample_path
from tests.unit.inference.videos import make_video

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Built from the sdist, which is built from the checkout: both must be complete."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, ROOT]
    subprocess.run(command, check=True, capture_output=True)
    (path,) = folder.glob("*.whl")
    assert len(list(folder.glob("*.tar.gz"))) == 1
    return path


def make_environment(folder, *, packages=()):
    """A virtual environment that takes further packages from some folders; what runs its Python."""
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    python = folder / "bin" / "python"
    if packages:
        code = "import sysconfig; print(sysconfig.get_path('purelib'))"
        site = subprocess.run([python, "-c", code], check=True, capture_output=True, text=True).stdout.strip()
        lines = [f"import site; site.addsitedir({str(item)!r})" for item in packages]
        (Path(site) / "packages.pth").write_text("\n".join(lines))
    return python


def run(python, *words, folder, status=0, **environment):
    """What a program prints, or complains of, in an environment that knows nothing of this checkout."""
    known = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "FER_WORKSPACE")}
    variables = known | {"XDG_DATA_HOME": str(folder / "data")} | environment
    done = subprocess.run(
        [python, *words], cwd=folder, env=variables, capture_output=True, text=True, check=False
    )
    assert done.returncode == status, done.stdout + done.stderr
    return done.stderr if status else done.stdout


def test_the_wheel_holds_the_whole_program(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    bundle = "fer_core/bundle/"
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    for name in listed.splitlines():
        if name.startswith(("app/", "pages/", "checkpoints/")) or name == ".streamlit/config.toml":
            assert bundle + name in names, name
        elif name.startswith("fer_core/"):
            assert name in names
    tops = {name.partition("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"fer_core"}, "no `app` for everybody"
    assert not [name for name in names if "secrets" in name or name.startswith("tests")]


def test_an_installed_copy_finds_itself(wheel, tmp_path):
    """Beside the packages of this environment, in a folder of its own: no checkout is needed."""
    python = make_environment(tmp_path / "venv", packages=[sysconfig.get_path("purelib"), *find_base()])
    run(python, "-m", "pip", "install", "-q", "--no-deps", "--no-index", wheel, folder=tmp_path)
    code = (
        "import fer_core; from fer_core.workspace import *; from fer_core.checkpoint import list_checkpoints;"
        "w = Workspace.default(); print(fer_core.__file__, w.root, *(e.key for e in list_checkpoints(w)))"
    )
    file, root, *keys = run(python, "-c", code, folder=tmp_path).split()
    assert Path(file).is_relative_to(tmp_path / "venv")
    assert Path(root) == tmp_path / "data" / "fer-workbench"
    assert keys[0] == "fer-small" and len(keys) >= 3
    assert "happiness" in run(python, "-m", "fer_core", "predict", sample_path(), folder=tmp_path)
    doctor = run(python, "-m", "fer_core", "doctor", folder=tmp_path)
    assert re.search(r"program +fer-workbench [\d.]+, installed, in .*bundle", doctor)
    page = (
        "import os, sys; from fer_core.workspace import PROJECT_ROOT; os.chdir(PROJECT_ROOT);"
        "sys.path.insert(0, str(PROJECT_ROOT)); from streamlit.testing.v1 import AppTest;"
        "test = AppTest.from_file('app/Home.py', default_timeout=300).run();"
        "print(len(test.exception), len(test.error))"
    )
    assert run(python, "-c", page, folder=tmp_path).split()[-2:] == ["0", "0"]


def find_base():
    """Folders that this environment takes packages from beside its own."""
    return [
        path for path in sys.path if path.endswith("site-packages") and path != sysconfig.get_path("purelib")
    ]


def test_the_small_install_predicts_without_torch(wheel, tmp_path):
    """Everything from the package index, nothing else: the inference core as people get it."""
    python = make_environment(tmp_path / "venv")
    pip = (python, "-m", "pip")
    run(*pip, "install", "-q", "--no-compile", "-c", ROOT / "constraints.txt", wheel, folder=tmp_path)
    installed = run(*pip, "list", "--format=freeze", folder=tmp_path)
    names = {line.partition("==")[0] for line in installed.split()}
    assert "onnxruntime" in names
    large = {"torch", "pandas", "scipy", "streamlit", "onnxruntime-gpu", "opencv-python-headless", "onnx"}
    assert not names & large
    clip, face = make_video(tmp_path / "in.mp4", 3), tmp_path / "face.png"
    Image.open(sample_path()).crop((160, 50, 290, 180)).save(face)
    fer = (python, "-m", "fer_core")
    assert "happiness" in run(*fer, "predict", face, "--detector", "whole-image", folder=tmp_path)
    run(*fer, "annotate", clip, tmp_path / "out.mp4", "--detector", "whole-image", folder=tmp_path)
    assert (tmp_path / "out.mp4").stat().st_size > 0
    for command, told in (
        (["train"], "pip install 'fer-workbench[train]'"),
        (["app"], "pip install 'fer-workbench[app]'"),
        (["camera"], "pip install 'fer-workbench[opencv]'"),
        (
            ["predict", face, "--table", "t.csv", "--detector=whole-image"],
            "pip install 'fer-workbench[tables]'",
        ),
        (["predict", sample_path()], "`fer fetch yunet` gets it"),
    ):
        said = run(*fer, *command, folder=tmp_path, status=1, FER_OFFLINE="1")
        assert told in said and "Traceback" not in said
    missing = run(*fer, "doctor", "--json", folder=tmp_path, FER_OFFLINE="1")
    assert all(f"'fer-workbench[{extra}]'" in missing for extra in EXTRAS)
    yunet = ROOT.parent / "shared" / "models" / "face_detection_yunet_2023mar.onnx"
    if yunet.is_file():
        run(*fer, "fetch", "yunet", "--from-file", yunet, folder=tmp_path)
        code = "import sys, fer_core as fer; (face,) = fer.read(sys.argv[1]); print(face.label)"
        assert run(python, "-c", code, sample_path(), folder=tmp_path) == "happiness\n"
        run(*fer, "annotate", clip, tmp_path / "faces.mp4", folder=tmp_path)
