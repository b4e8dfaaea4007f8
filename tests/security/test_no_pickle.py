"""Nothing that can run code when it is opened is opened: held for every line of the program."""

import ast
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from fer_core.data.store import load_dataset
from fer_core.errors import CheckpointError, DataError
from fer_core.evaluation.embedding_map import load_map
from fer_core.exchange.model_import import import_model
from fer_core.models.pretrained import read_state_dict
from fer_core.workspace import PROJECT_ROOT

SOURCES = sorted(
    path for part in ("fer_core", "app", "pages") for path in (PROJECT_ROOT / part).rglob("*.py")
)
FORBIDDEN_MODULES = {"dill", "cloudpickle", "joblib", "shelve", "marshal", "jsonpickle", "yaml"}
FORBIDDEN_CALLS = {"eval", "exec", "compile", "__import__"}
STATE_DICTS = "fer_core/models/pretrained.py"
"""The one place that reads PyTorch's own format, and only with the reader that makes nothing but tensors."""


def _name(node: ast.expr) -> str:
    """`a.b.c` as text."""
    if isinstance(node, ast.Attribute):
        return f"{_name(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def find_faults(path: Path, text: str) -> list[str]:  # noqa: PLR0912 - one rule after the other
    """What in a source could run code out of data."""
    faults = []
    where = path.as_posix()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [item.name for item in node.names]
            modules = names if isinstance(node, ast.Import) else [node.module or ""]
            roots = {module.split(".")[0] for module in modules}
            faults += [f"imports {root}" for root in roots & FORBIDDEN_MODULES]
            if "pickle" in roots and not (where.endswith(STATE_DICTS) and isinstance(node, ast.Import)):
                faults.append("imports pickle")
        if isinstance(node, ast.Attribute) and _name(node) in (
            "pickle.load",
            "pickle.loads",
            "pickle.Unpickler",
        ):
            faults.append("unpickles")
        if not isinstance(node, ast.Call):
            continue
        name = _name(node.func)
        given = {item.arg: item.value for item in node.keywords}
        if name in FORBIDDEN_CALLS:
            faults.append(f"calls {name}")
        if name.endswith("read_pickle") or name.endswith("joblib.load"):
            faults.append(f"calls {name}")
        if name == "torch.load":
            flag = given.get("weights_only")
            is_safe = isinstance(flag, ast.Constant) and flag.value is True
            if not (where.endswith(STATE_DICTS) and is_safe):
                faults.append("calls torch.load")
        if name in ("np.load", "numpy.load"):
            flag = given.get("allow_pickle")
            if not (isinstance(flag, ast.Constant) and flag.value is False):
                faults.append("calls np.load without allow_pickle=False")
        shell = given.get("shell")
        if shell is not None and not (isinstance(shell, ast.Constant) and shell.value is False):
            faults.append("starts a shell")
        if name == "os.system":
            faults.append("starts a shell")
    return faults


def test_no_source_can_run_code_out_of_data():
    assert len(SOURCES) > 200
    faults = {str(path): found for path in SOURCES if (found := find_faults(path, path.read_text()))}
    assert faults == {}


@pytest.mark.parametrize(
    "text",
    [
        "import pickle", "from pickle import loads", "import pickle as p", "import dill", "import joblib",
        "import yaml",
        "torch.load(path)", "torch.load(path, weights_only=False)", "torch.load(path, weights_only=flag)",
        "np.load(path)", "np.load(path, allow_pickle=True)", "np.load(path, allow_pickle=flag)", "eval(text)",
        "exec(text)", "pd.read_pickle(path)", "os.system(text)", "subprocess.run(text, shell=True)",
    ],
)  # fmt: skip
def test_the_search_finds(text):
    assert find_faults(PROJECT_ROOT / "fer_core" / "any.py", text)


def _write_bomb(path: Path, marker: Path) -> None:
    """A pickle that makes a file when it is opened."""
    import pickle
    import pickletools

    class Bomb:
        def __reduce__(self):
            return (Path.touch, (marker,))

    data = pickle.dumps(Bomb())
    assert any(operation.name == "REDUCE" for operation, *_ in pickletools.genops(data))
    path.write_bytes(data)


def test_the_bomb_is_one(tmp_path):
    """What the tests below hand in does run code in a program that unpickles."""
    _write_bomb(tmp_path / "bomb.pt", tmp_path / "went-off")
    code = f"import pickle; pickle.load(open({str(tmp_path / 'bomb.pt')!r}, 'rb'))"
    subprocess.run([sys.executable, "-c", code], check=True)
    assert (tmp_path / "went-off").exists()


@pytest.mark.parametrize("name", ["model.pt", "pytorch_model.bin", "weights.pkl", "model.ckpt"])
def test_a_pickled_model_is_refused_unread(workspace, tmp_path, name):
    _write_bomb(tmp_path / name, tmp_path / "went-off")
    with pytest.raises(CheckpointError, match="can run code when it is opened"):
        import_model([tmp_path / name], workspace)
    assert not (tmp_path / "went-off").exists()


def test_a_pickle_under_another_name_runs_nothing(workspace, tmp_path):
    bomb, marker = tmp_path / "bomb", tmp_path / "went-off"
    _write_bomb(bomb, marker)
    for name in ("model.onnx", "model.safetensors"):
        (tmp_path / name).write_bytes(bomb.read_bytes())
        with pytest.raises(CheckpointError):
            import_model([tmp_path / name], workspace)
    (tmp_path / "start.pt").write_bytes(bomb.read_bytes())
    with pytest.raises(CheckpointError, match="can't be read"):
        read_state_dict(tmp_path / "start.pt")
    with zipfile.ZipFile(tmp_path / "start.pth", "w") as archive:  # PyTorch's newer format
        archive.writestr("archive/data.pkl", bomb.read_bytes())
        archive.writestr("archive/version", "3\n")
    with pytest.raises(CheckpointError):
        read_state_dict(tmp_path / "start.pth")
    assert not marker.exists()


def test_pickled_arrays_are_refused(workspace, tmp_path):
    marker = tmp_path / "went-off"

    class Bomb:
        def __reduce__(self):
            return (Path.touch, (marker,))

    np.savez(tmp_path / "map.npz", rows=np.array([Bomb()], dtype=object))
    assert load_map(tmp_path / "map.npz") is None

    from fer_core.data.builtin import write_schematic_faces

    write_schematic_faces(workspace, num_images=16)
    folder = workspace.datasets / "schematic-faces"
    np.save(folder / "images.npy", np.array([Bomb()] * 16, dtype=object))
    with pytest.raises(DataError, match="damaged"):
        load_dataset(folder)
    assert not marker.exists()
