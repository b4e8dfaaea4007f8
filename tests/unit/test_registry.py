"""Registries that installed packages add to."""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import pytest

from fer_core.errors import ConfigError, DataError
from fer_core.registry import Registry

GROUP = "fer_workbench.test"

Install = Callable[..., None]


def refuse_capitals(name: str) -> None:
    if name.isupper():
        raise ConfigError(f"{name!r} is loud")


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Registry[str]:
    registry: Registry[str] = Registry("greeting", GROUP, entry_types=(str,), check_name=refuse_capitals)
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
    assert registry.is_foreign("hessian") and not registry.is_foreign("english")
    assert registry.describe("hessian") == "the greeting 'hessian' of the package south"
    assert registry.describe("english") == "the greeting 'english'"


def test_an_entry_of_a_module_that_another_registry_imported_is_foreign(
    registry: Registry[str], install: Install
) -> None:
    install("east", "greetings.register('saxon')('nu')", "saxon")
    import_module("east")
    assert registry["saxon"] == "nu"  # known without a look at packages
    assert registry.is_foreign("saxon") and registry.problems == []


def test_what_a_package_raises_names_it_and_what_we_raise_is_a_bug(
    registry: Registry[str], install: Install
) -> None:
    install("west", "greetings.register('rhenish')('tach')", "rhenish")
    assert registry["rhenish"] == "tach"
    message = r"^the greeting 'rhenish' of the package west failed to `greet` Eve: KeyError: 'Eve'[.] Update"
    with pytest.raises(DataError, match=message), registry.blame("rhenish", DataError, "`greet` Eve"):
        raise KeyError("Eve")
    with pytest.raises(ConfigError, match=r"^Eve is away$"), registry.blame("rhenish", DataError, "`greet`"):
        raise ConfigError("Eve is away")
    with pytest.raises(KeyError), registry.blame("english", DataError, "`greet` Eve"):
        raise KeyError("Eve")


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
        ("broken5", "import sys; sys.exit('no licence')", "SystemExit: no licence"),
        (
            "broken6",
            "greetings.register('broken')(5)",
            "the greeting 'broken' is 5; expected an instance of str",
        ),
        (
            "broken7",
            "greetings.register('broken')(str)",
            "'broken' is <class 'str'>; expected an instance of str",
        ),
        ("broken8", "greetings.register('BROKEN')('x')", "'BROKEN' is loud"),
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


def test_an_entry_of_ours_of_the_wrong_kind_is_a_bug(registry: Registry[str]) -> None:
    with pytest.raises(TypeError, match="the greeting 'number' is 1; expected an instance of str"):
        registry.register("number")(1)  # type: ignore[arg-type]
    assert list(registry) == ["english"]


def test_two_entries_of_one_name() -> None:
    registry: Registry[int] = Registry("number")
    registry.register("one")(1)
    with pytest.raises(ConfigError, match="number 'one'; choose another name"):
        registry.register("one")(2)
    assert registry["one"] == 1
