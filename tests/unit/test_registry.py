"""Registries that installed packages add to."""

from collections.abc import Callable
from pathlib import Path

import pytest

from fer_core.errors import ConfigError
from fer_core.registry import Registry

GROUP = "fer_workbench.test"

Install = Callable[..., None]


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Registry[str]:
    registry: Registry[str] = Registry("greeting", GROUP)
    registry.register("english")("hello")
    monkeypatch.setattr("builtins.greetings", registry, raising=False)  # where the packages below find it
    return registry


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Puts packages of one module on the path, described as pip describes them."""
    monkeypatch.syspath_prepend(tmp_path)

    def add(package: str, source: str, *names: str) -> None:
        (tmp_path / f"{package}.py").write_text(source)
        about = tmp_path / f"{package}-1.0.dist-info"
        about.mkdir()
        (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        lines = [f"{name} = {package}" for name in names]
        (about / "entry_points.txt").write_text("\n".join([f"[{GROUP}]", *lines, ""]))

    return add


def test_a_package_adds_to_it(registry: Registry[str], install: Install) -> None:
    source = "greetings.register('swabian')('grüß Gott')\ngreetings.register('hessian')('gude')\n"
    install("south", source, "swabian", "hessian")
    assert set(registry) == {"english", "swabian", "hessian"}
    assert registry["swabian"] == "grüß Gott"
    assert "hessian" in registry and len(registry) == 3
    assert registry.problems == []


def test_what_is_built_in_is_had_without_any_package(registry: Registry[str], install: Install) -> None:
    install("loud", "raise RuntimeError('imported')", "loud")
    assert registry["english"] == "hello"
    assert registry.problems == []  # not even looked at


@pytest.mark.parametrize(
    ("package", "source", "reason"),
    [  # modules stay imported: each has a name of its own
        ("broken0", "1 / 0", "ZeroDivisionError: division by zero"),
        ("broken1", "import a_library_that_is_not_there", "ModuleNotFoundError"),
        ("broken2", "x = 1", "registers no greeting 'broken'"),
        ("broken3", "greetings.register('broken')('x')\n1 / 0", "ZeroDivisionError"),
        ("broken4", "greetings.register('english')('x')", "'english'; choose another name"),
    ],
)
def test_a_broken_package_is_named_and_the_others_work(
    registry: Registry[str],
    install: Install,
    caplog: pytest.LogCaptureFixture,
    package: str,
    source: str,
    reason: str,
) -> None:
    install(package, source, "broken")
    install(f"sound_{package}", "greetings.register('sound')('moin')", "sound")
    assert set(registry) == {"english", "sound"}
    assert registry["english"] == "hello"
    (problem,) = registry.problems
    assert package in problem and GROUP in problem and reason in problem
    assert caplog.messages == [problem]
    with pytest.raises(ConfigError, match=r"unknown greeting 'broken'.*Known: english, sound.*is left out"):
        registry["broken"]


def test_a_package_does_not_take_a_name_that_is_built_in(registry: Registry[str], install: Install) -> None:
    install("taker", "taken = True", "english")
    assert list(registry) == ["english"]
    assert "'english'; choose another name" in registry.problems[0]


def test_two_entries_of_one_name() -> None:
    registry: Registry[int] = Registry("number")
    registry.register("one")(1)
    with pytest.raises(ConfigError, match="number 'one'; choose another name"):
        registry.register("one")(2)
    assert registry["one"] == 1
