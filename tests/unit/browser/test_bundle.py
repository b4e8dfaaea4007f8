"""The page without a server, as files."""

import base64
import hashlib
import html
import io
import json
import re
import zipfile

import pytest

from fer_core.browser.bundle import find_obstacle, write_bundle, zip_bundle
from fer_core.checkpoint import find_checkpoint
from fer_core.cli import main
from fer_core.errors import FerError
from tests.browser_support import MODEL


def test_the_command_writes_a_folder_that_names_only_its_own_files(browser_workspace, monkeypatch, tmp_path):
    monkeypatch.setenv("FER_WORKSPACE", str(browser_workspace.root))
    out = tmp_path / "page"
    title = "Faces & <b>"
    assert main(["browser-bundle", str(out), "--models", MODEL, "--title", title]) == 0
    text = (out / "index.html").read_text()
    assert html.escape(title) in text and "<b>" not in text
    named = re.findall(r'(?:src|href)="([^"]+\.\w+)"', text)
    config = json.loads(re.search(r'id="config">(.*?)</script>', text)[1])
    gpu = config["runtime"].pop("gpu")
    named += [config["worker"], *config["runtime"].values(), config["detector"]["file"], config["offline"]]
    named += [model["file"] for model in config["models"]]
    assert {name for name in named if not (out / name).is_file()} == set()
    offline = json.loads(re.search(r"FILES = (\[.*\]);", (out / "offline.js").read_text())[1])
    assert {name for name in offline if not (out / name).exists()} == set()
    assert all((out / name).is_file() and name not in offline for name in gpu.values()), "loaded where needed"
    policy = html.unescape(re.search(r'Security-Policy" content="([^"]+)"', text)[1])
    sources = {word for part in policy.split(";") for word in part.split()[1:]}
    assert sources == {"'none'", "'self'", "'wasm-unsafe-eval'", "blob:", "data:"}
    assert MODEL in (out / "README.txt").read_text()
    assert main(["browser-bundle", str(out), "--models", MODEL]) == 1, (
        "a folder that is there is not replaced"
    )


def test_one_file_allows_no_origin(browser_workspace, monkeypatch, tmp_path, capsys):
    """All is inside it, and its policy names script and style by what they are."""
    monkeypatch.setenv("FER_WORKSPACE", str(browser_workspace.root))
    out = tmp_path / "page.html"
    command = ["browser-bundle", str(out), "--models", MODEL, "--one-file", "--title", "Faces & <b>"]
    assert main(command) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["page.html"]
    text = out.read_text()
    assert "<title>Faces &amp; &lt;b&gt;</title>" in text
    policy = html.unescape(re.search(r'Security-Policy" content="([^"]+)"', text)[1])
    sources = {word for part in policy.split(";") for word in part.split()[1:]}
    script = re.search(r'<script type="module">(.*?)</script>', text, re.S)[1]
    style = re.search(r"<style>(.*?)</style>", text, re.S)[1]
    hashes = {base64.b64encode(hashlib.sha256(item.encode()).digest()).decode() for item in (script, style)}
    assert sources == {"'none'", "'wasm-unsafe-eval'", "blob:", "data:", *(f"'sha256-{x}'" for x in hashes)}
    assert not re.search(r'(?:src|href)="(?!data:,")', text)
    assert not re.search(r"^(import|export) ", script, re.M)
    config = json.loads(re.search(r'id="config">(.*?)</script>', text)[1])
    named = [config["worker"], *config["runtime"].values(), config["detector"]["file"]]
    inside = dict(re.findall(r'<script type="text/plain" id="([^"]+)">([^<]+)</script>', text))
    assert inside.keys() == {*named, *(model["file"] for model in config["models"])}
    worker = base64.b64decode(inside[config["worker"]]).decode()
    assert "onmessage" in worker and not re.search(r"^(import|export) ", worker, re.M)
    assert main(command) == 1 and "exists already" in capsys.readouterr().err
    assert main(["browser-bundle", str(tmp_path / "page"), "--models", MODEL, "--one-file"]) == 1
    assert "page.html" in capsys.readouterr().err


def test_the_zip_of_the_models_page_has_the_same_files(browser_workspace):
    entry = find_checkpoint(MODEL, browser_workspace)
    assert find_obstacle(entry, browser_workspace) == ""
    names = zipfile.ZipFile(io.BytesIO(zip_bundle(entry, browser_workspace))).namelist()
    assert {"index.html", "offline.js", "README.txt"} < set(names)


def test_what_is_missing_is_said_and_nothing_is_left(workspace, tmp_path):
    entry = find_checkpoint(MODEL, workspace)
    assert "fer fetch browser" in find_obstacle(entry, workspace)
    with pytest.raises(FerError, match="fer fetch browser"):
        write_bundle(tmp_path / "page", [entry], workspace)
    with pytest.raises(FerError, match="at least one"):
        write_bundle(tmp_path / "page", [], workspace)
    assert list(tmp_path.glob("*page*")) == []
