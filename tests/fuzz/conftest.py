"""Prints how many inputs each parser got."""

import pytest

from tests.fuzz.harness import COUNTS


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """A line a parser, when anything was fuzzed."""
    if not COUNTS:
        return
    terminalreporter.section("inputs of each parser")
    total = 0
    for name, count in sorted(COUNTS.items()):
        number = count.outcomes.total()
        total += number
        terminalreporter.write_line(
            f"{name:32} {number:7,}  read {count.outcomes['read']:6,}  refused {count.outcomes['refused']:6,}"
            f"  slowest {count.slowest_s * 1000:7.0f} ms"
        )
    terminalreporter.write_line(f"{'together':32} {total:7,}")
