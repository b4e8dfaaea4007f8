"""A disk that is full, at each write in turn and for real, and a workspace that is read-only."""

import errno
import os

import pytest

from tests.faults.injection import (
    can_mount,
    fail_at,
    fail_from,
    forbid,
    mount_tiny,
    remount_read_only,
    resize_tiny,
    run_here,
    run_in_child,
)
from tests.faults.operations import copy_workspace

EXPECTED = ("No space left", "Read-only file system", "File too large", "GB free")


SMALL = ("deleted run", "sweep")
"""What they write fits into the one page that the smallest file system has."""


def check_told(outcome, point):
    """A person reads a message that they can act on, and no program error."""
    assert outcome.is_fer_error, (point, outcome.error, outcome.trace)
    assert any(word in outcome.message for word in EXPECTED), (point, outcome.message)
    assert "/" in outcome.message, f"which file? {outcome.message}"


def test_the_disk_is_full_at_every_write(subject, scratch):
    """In turn for this one write, and from then on."""
    for number, point in enumerate(subject.clean.points):
        if point[0] in ("os.remove", "os.rmdir", "os.chmod"):  # these need no room
            continue
        workspace = subject.copy(scratch / str(number))
        fault = (fail_at, fail_from)[number % 2](number)
        outcome = run_here(subject.bind(workspace), root=workspace.root, fault=fault)
        assert len(outcome.points) > number, "the fault was not met"
        if outcome.exit_status != 0:  # some writes are not worth failing for, such as keeping a lock's file
            check_told(outcome, point)
        subject.finish(workspace, subject.find_state(workspace, outcome.num_done))
        assert not list(workspace.root.rglob("*.tmp")), "a failure cleans up behind itself"


def test_a_read_only_workspace(subject, scratch):
    workspace = subject.copy(scratch)
    outcome = run_here(subject.bind(workspace), root=workspace.root, fault=forbid(errno.EROFS))
    assert outcome.num_done == 0
    check_told(outcome, outcome.points)
    assert subject.find_state(workspace, 0) == 0


def test_a_disk_that_is_really_full(subject, scratch):
    """On a file system of its own, with too little room: what Arrow and safetensors write fails as well."""
    if not can_mount(scratch):
        pytest.skip("this machine lets nobody mount a file system of one's own")
    place = scratch / "tiny"
    place.mkdir()
    num_full = 0
    for num_pages in (0, 1, 2, 3, 5, 8, 12, 20, 30):
        outcome = run_in_child([lambda num_pages=num_pages: _work_on_tiny(subject, place, num_pages)])
        if outcome.exit_status != 0:
            num_full += 1
            assert outcome.message.startswith("told: "), outcome.trace
    assert num_full > 0 or subject.operation.name in SMALL


def _work_on_tiny(subject, place, num_pages):
    """In a child, since only there the file system exists. Raises `told: <message>` if the disk was full."""
    from fer_core.errors import FerError
    from fer_core.workspace import Workspace

    mount_tiny(place, 512 << 20)
    workspace = copy_workspace(subject.template, place)
    state = os.statvfs(place)
    num_used = state.f_blocks - state.f_bfree
    resize_tiny(place, max(1, num_used + num_pages) * state.f_bsize)  # no page at all means no limit
    num_done = 0
    try:
        for step in subject.bind(workspace):
            step()
            num_done += 1
    except FerError as error:
        state = subject.find_state(Workspace(workspace.root), num_done)
        resize_tiny(place, 512 << 20)  # the user makes room
        subject.finish(workspace, state)
        raise FerError(f"told: {error}") from error


def test_a_file_system_that_is_really_read_only(subject, scratch):
    if not can_mount(scratch):
        pytest.skip("this machine lets nobody mount a file system of one's own")
    place = scratch / "readonly"
    place.mkdir()

    def work():
        mount_tiny(place, 512 << 20)
        workspace = copy_workspace(subject.template, place)
        remount_read_only(place)
        assert subject.find_state(workspace, 0) == 0  # everything can still be read
        subject.bind(workspace)[0]()

    outcome = run_in_child([work])
    check_told(outcome, "read-only")
