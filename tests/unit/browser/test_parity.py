"""The browser's engine finds what Python finds: in Node here, in Chromium by tests/e2e/test_browser.py."""

import json
import subprocess

from tests.browser_support import BINARY, RUNTIME, check_answer
from tests.node import find_node


def test_node_finds_what_python_finds(golden, tmp_path):
    answer = tmp_path / "answer.json"
    names = ["replay.mjs", str(golden.folder), str(answer), RUNTIME, BINARY]
    subprocess.run([*find_node(), *names], cwd=golden.folder, check=True, timeout=1200)
    check_answer(golden, json.loads(answer.read_text()))
