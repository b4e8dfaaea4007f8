"""What a container leaves of its machine: cores and memory, in trees like those that the kernel shows."""

import os
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from fer_core import machine

MIB = 2**20
NESTED = "0::/fer.slice/a.service\n"
DOCKER_V1 = "7:memory:/docker/12ab\n4:cpu,cpuacct:/docker/12ab\n1:name=systemd:/docker/12ab\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """For the groups' files, on a machine with 64 cores and 1,024 MiB."""
    monkeypatch.setattr(machine, "_GROUPS", tmp_path / "cgroup")
    monkeypatch.setattr(machine, "_OWN_GROUPS", tmp_path / "own")
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(64)), raising=False)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(total=1024 * MIB))
    return tmp_path


def write(folder: Path, own: str, files: dict[str, str]) -> None:
    """`own` is what /proc/self/cgroup says."""
    (folder / "own").write_text(own, encoding="utf-8")
    for name, text in files.items():
        path = folder / "cgroup" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{text}\n", encoding="utf-8")


@pytest.mark.parametrize(
    ("own", "files", "expected"),
    [
        ("0::/\n", {"cpu.max": "200000 100000"}, 2),
        ("0::/\n", {"cpu.max": "150000 100000"}, 2),
        ("0::/\n", {"cpu.max": "25000 100000"}, 1),
        ("0::/\n", {"cpu.max": "max 100000"}, 64),
        ("0::/\n", {"cpu.max": "9900000 100000"}, 64),
        ("0::/\n", {}, 64),
        (NESTED, {"fer.slice/a.service/cpu.max": "300000 100000"}, 3),
        (NESTED, {"fer.slice/a.service/cpu.max": "max 100000", "fer.slice/cpu.max": "500000 100000"}, 5),
        (DOCKER_V1, {"cpu/cpu.cfs_quota_us": "400000", "cpu/cpu.cfs_period_us": "100000"}, 4),
        (DOCKER_V1, {"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, 64),
    ],
)
def test_cores_are_those_that_the_container_has(
    folder: Path, own: str, files: dict[str, str], expected: int
) -> None:
    write(folder, own, files)
    assert machine.count_cores() == expected


@pytest.mark.parametrize(
    ("own", "files", "expected_mib"),
    [
        ("0::/\n", {"memory.max": str(512 * MIB)}, 512),
        ("0::/\n", {"memory.max": "max"}, 1024),
        (NESTED, {"fer.slice/memory.max": str(256 * MIB)}, 256),
        (DOCKER_V1, {"memory/memory.limit_in_bytes": str(128 * MIB)}, 128),
        (DOCKER_V1, {"memory/memory.limit_in_bytes": "9223372036854771712"}, 1024),  # none
    ],
)
def test_memory_is_what_the_container_has(
    folder: Path, own: str, files: dict[str, str], expected_mib: int
) -> None:
    write(folder, own, files)
    assert machine.count_memory_bytes() == expected_mib * MIB


def test_a_system_without_groups_has_all_its_cores_and_memory(folder: Path) -> None:
    assert machine.count_cores() == 64 and machine.count_memory_bytes() == 1024 * MIB
