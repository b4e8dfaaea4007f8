"""The process is killed before each of its writes in turn, and in the middle of each file."""

import signal
from bisect import bisect_right

import numpy as np

from fer_core.workspace import Workspace
from tests.faults.injection import copy_at_each, run_in_child


def test_killed_before_every_write(subject, scratch):
    """What is in the files at that moment is what a killed process leaves."""
    workspace = subject.copy(scratch / "unbroken")
    copies = scratch / "copies"
    fault = copy_at_each(workspace.root, copies)
    outcome = run_in_child(subject.bind(workspace), root=workspace.root, fault=fault)
    assert outcome.exit_status == 0, outcome.trace
    assert len(outcome.points) >= len(subject.operation.steps), "nothing was watched"
    for number in range(len(outcome.points)):
        left = Workspace(copies / str(number))
        subject.finish(left, subject.find_state(left, bisect_right(outcome.ends, number)))


def test_killed_in_the_middle_of_a_file(subject, scratch):
    """The kernel ends the process when a file would grow beyond n bytes, whoever writes it."""
    sizes = sorted({0, 1, 50, *np.geomspace(300, 300_000, 6).astype(int).tolist()})
    num_killed = 0
    for size in sizes:
        workspace = subject.copy(scratch / str(size))
        outcome = run_in_child(subject.bind(workspace), max_file_bytes=size)
        if outcome.exit_status == 0:
            break
        assert outcome.exit_status == -signal.SIGXFSZ, (size, outcome.trace)
        num_killed += 1
        subject.finish(workspace, subject.find_state(workspace, outcome.num_done))
    assert num_killed > 0 or subject.operation.name == "deleted run"  # which writes nothing but names
