"""Plug-in that measures what each test costs: `python -m pytest -p tests.cpu_times tests/unit`.

`build/cpu_times.csv` then has one line per test, the most expensive first: processor seconds (user and
system) of its setup, call and teardown, with those of finished child processes. Other work on the machine
changes them by some 20 %. What is made once for several tests counts for the first of them.
"""

import csv
import resource
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

PHASES = ("setup", "call", "teardown")
_spent: defaultdict[str, dict[str, float]] = defaultdict(dict)


def _read_cpu_s() -> float:
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def _measure(item: pytest.Item, phase: str) -> Iterator[None]:
    start = _read_cpu_s()
    try:
        return (yield)
    finally:
        _spent[item.nodeid][phase] = _read_cpu_s() - start


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> Iterator[None]:
    return (yield from _measure(item, "setup"))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    return (yield from _measure(item, "call"))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> Iterator[None]:
    return (yield from _measure(item, "teardown"))


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write the table: one per worker, where there are several."""
    worker = getattr(session.config, "workerinput", {}).get("workerid", "")
    if not _spent:
        return
    path = Path(session.config.rootpath, "build", f"cpu_times{worker}.csv")
    path.parent.mkdir(exist_ok=True)
    rows = [(sum(by_phase.values()), name, by_phase) for name, by_phase in _spent.items()]
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["cpu_s", *PHASES, "test"])
        for total, name, by_phase in sorted(rows, key=lambda row: -row[0]):
            writer.writerow([f"{total:.2f}", *(f"{by_phase.get(phase, 0):.2f}" for phase in PHASES), name])
