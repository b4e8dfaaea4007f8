"""onnxruntime-web comes by npm, is checked, and nothing half-right is kept."""

import gzip
import io
import re
import shutil
import tarfile
from pathlib import Path

import pytest

from fer_core.browser import runtime
from fer_core.browser.modules import ASSETS, publish_modules
from fer_core.browser.runtime import (
    fetch_runtime,
    find_gpu_runtime,
    find_runtime,
    install_runtime,
    require_runtime,
    runtime_folder,
)
from fer_core.cli import main
from fer_core.errors import FerError


@pytest.fixture
def installed(workspace, browser_runtime):
    shutil.copytree(browser_runtime, runtime_folder(workspace))
    return workspace


def write_package(path: Path, files: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(f"package/dist/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def test_what_npm_brought_is_used_and_not_fetched_again(installed, monkeypatch):
    monkeypatch.setattr(runtime, "_find_npm", lambda: pytest.fail("npm was asked"))
    found = fetch_runtime(installed)
    assert gzip.decompress(found.binary_gz.read_bytes())[:4] == b"\0asm"
    assert found == require_runtime(installed)


@pytest.mark.parametrize("name", ["ort.wasm.bundle.min.mjs", "ort-wasm-simd-threaded.wasm.gz"])
@pytest.mark.parametrize(
    "content", [b"", b"alert(1)", gzip.compress(b"\0asm", mtime=0)], ids=["empty", "text", "gzip"]
)
def test_another_file_is_not_taken(installed, name, content):
    (runtime_folder(installed) / name).write_bytes(content)
    assert find_runtime(installed) is None
    with pytest.raises(FerError, match="fer fetch browser"):
        require_runtime(installed)


def test_a_package_with_other_files_is_refused(workspace, tmp_path, capsys):
    wrong = write_package(tmp_path / "a.tgz", dict.fromkeys(runtime._SHA256, b"something else"))
    empty = write_package(tmp_path / "b.tgz", {})
    (tmp_path / "c.tgz").write_bytes(b"no archive")
    for path in (wrong, empty, tmp_path / "c.tgz", tmp_path / "missing.tgz"):
        assert main(["fetch", "browser", "--from-file", str(path)]) == 1
        assert "By hand" in capsys.readouterr().err
    assert not runtime_folder(workspace).exists()


def test_a_package_that_was_downloaded_by_hand(workspace, browser_runtime, tmp_path, capsys):
    kept = {path.name: path.read_bytes() for path in browser_runtime.iterdir()}
    files = {
        name.removesuffix(".gz"): gzip.decompress(data) if name.endswith(".gz") else data
        for name, data in kept.items()
    }
    assert len(files) == 4
    assert install_runtime(workspace, write_package(tmp_path / "ort.tgz", files)) == find_runtime(workspace)
    assert find_gpu_runtime(workspace) is not None
    next(runtime_folder(workspace).glob("*webgpu*")).unlink()
    assert find_gpu_runtime(workspace) is None and find_runtime(workspace) is not None


def test_without_npm_or_network_the_message_says_what_to_do(workspace, monkeypatch, tmp_path, capsys):
    npm = tmp_path / "bin" / "npm"
    npm.parent.mkdir()
    npm.write_text("#!/bin/sh\necho 'network is unreachable' >&2\nexit 1\n")
    npm.chmod(0o755)
    monkeypatch.setenv("PATH", str(npm.parent))
    assert main(["fetch", "browser"]) == 1
    assert "network is unreachable" in (said := capsys.readouterr().err) and "--from-file" in said
    npm.unlink()
    monkeypatch.setattr(runtime.importlib.util, "find_spec", lambda name: None)
    assert main(["fetch", "browser"]) == 1
    assert "there is no npm client" in capsys.readouterr().err


def test_scripts_name_each_other_by_their_published_names():
    published: dict[str, str] = {}

    def publish(name: str, content: bytes) -> str:
        address = f"far/{name}.1.js"
        published[f"{name}.1.js"] = content.decode()
        return address

    entries = publish_modules(("app.js", "worker.js", "tap.js"), publish)
    assert entries["app.js"] == "far/app.js.1.js"
    named = {name for text in published.values() for name in re.findall(r'from "\./([^"]+)"', text)}
    assert named <= published.keys() and len(named) >= 12
    assert not [text for text in published.values() if re.search(r"https?://(?!www\.w3\.org)\w", text)]
    assert {path.name for path in ASSETS.glob("*.js")} - {name[:-5] for name in published} == {"offline.js"}
