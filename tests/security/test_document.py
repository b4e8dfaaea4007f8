"""docs/SECURITY.md names a test for every threat, and they exist."""

import ast
import re

from fer_core.workspace import PROJECT_ROOT

TEXT = (PROJECT_ROOT / "docs" / "SECURITY.md").read_text(encoding="utf-8")
NAMED = re.compile(r"`(test_\w+\.py)::(test_\w+)`")


def _rows() -> list[list[str]]:
    lines = [line for line in TEXT.splitlines() if line.startswith("|")][2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_every_threat_has_a_test():
    rows = _rows()
    assert len(rows) >= 25
    for row in rows:
        assert len(row) == 4, row
        assert NAMED.search(row[3]), row


def test_every_named_test_exists():
    there = {
        (path.name, node.name)
        for path in (PROJECT_ROOT / "tests").rglob("test_*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef)
    }
    missing = [pair for pair in NAMED.findall(TEXT) if pair not in there]
    assert missing == []
