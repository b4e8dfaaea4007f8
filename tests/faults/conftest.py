"""Operations, and what each leaves after each of its steps."""

import os
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from fer_core.workspace import Workspace
from tests.faults.injection import Outcome, run_in_child
from tests.faults.operations import OPERATIONS, Operation, copy_workspace, prepare_once

if sys.platform != "linux":
    pytest.skip("faults are injected by means of Linux", allow_module_level=True)


@dataclass(frozen=True)
class Subject:
    """An operation with its template, the states it goes through, and its write points."""

    operation: Operation
    template: Workspace
    states: list[Any]
    """Before the first step, and after each."""
    clean: Outcome

    def copy(self, folder: Path) -> Workspace:
        return copy_workspace(self.template, folder)

    def bind(self, workspace: Workspace, start: int = 0) -> list[Any]:
        return [partial(step, workspace) for step in self.operation.steps[start:]]

    def find_state(self, workspace: Workspace, num_done: int) -> int:
        """Number of the state that is found: what was acknowledged is there, and at most one step more."""
        found = self.operation.read(workspace)
        possible = [
            number for number in (num_done, num_done + 1) if self.states[number : number + 1] == [found]
        ]
        assert possible, f"{num_done} steps were acknowledged, and then there is {found!r}"
        return possible[-1]

    def finish(self, workspace: Workspace, start: int) -> None:
        """The user tries again: nothing that was left is in the way."""
        for step in self.bind(workspace, start):
            step()
        assert self.operation.read(workspace) == self.states[-1]


@pytest.fixture(scope="session")
def ram(tmp_path_factory) -> Iterator[Path]:
    """A folder in memory where there is one: thousands of fsyncs take minutes on a disk."""
    place = Path("/dev/shm")
    if not os.access(place, os.W_OK):
        yield tmp_path_factory.mktemp("faults")
        return
    with tempfile.TemporaryDirectory(prefix="fer-faults-", dir=place) as folder:
        yield Path(folder)


@pytest.fixture
def scratch(ram) -> Iterator[Path]:
    """An empty folder in memory, gone after the test."""
    with tempfile.TemporaryDirectory(dir=ram) as folder:
        yield Path(folder)


@pytest.fixture(scope="session", params=OPERATIONS, ids=lambda operation: operation.name.replace(" ", "-"))
def subject(request, ram) -> Subject:
    """Each operation in turn."""
    operation: Operation = request.param
    # Made again where another file's tests came between: pytest keeps one parameter's value at a time.
    place = Path(tempfile.mkdtemp(prefix=operation.name.replace(" ", "-"), dir=ram))
    template = prepare_once(operation, place / "template")
    workspace = copy_workspace(template, place / "clean")
    states = [operation.read(workspace)]
    for step in operation.steps:
        step(workspace)
        states.append(operation.read(workspace))
    counted = copy_workspace(template, place / "counted")
    clean = run_in_child([partial(step, counted) for step in operation.steps], root=counted.root)
    assert clean.exit_status == 0, clean.trace
    assert operation.read(counted) == states[-1]
    return Subject(operation, template, states, clean)
