"""A small typed registry: names to things, some of them from installed packages (plug-ins)."""

import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from functools import cached_property
from importlib.metadata import EntryPoint, entry_points
from threading import RLock
from typing import Generic, TypeVar

from fer_core.errors import ConfigError, FerError

T = TypeVar("T")

_LOG = logging.getLogger(__name__)


def list_plugin_names(group: str) -> list[str]:
    """Names that installed packages promise to add to a registry; none of their code is imported."""
    return sorted({point.name for point in entry_points(group=group)})


class Registry(Generic[T]):
    """Maps names to entries of one kind.

    With a `group`, installed packages can add entries: an entry point of that group names a module which
    registers something under the entry point's own name. Those modules are imported when the names are
    listed, or one is asked for that is not built in. One that fails is left out with a warning.

    Examples:
        >>> greetings: Registry[str] = Registry("greeting")
        >>> _ = greetings.register("english")("hello")
        >>> greetings["english"]
        'hello'
    """

    def __init__(
        self,
        kind: str,
        group: str = "",
        *,
        entry_types: tuple[type, ...] = (),
        check_name: Callable[[str], None] = lambda _name: None,
    ) -> None:
        """Make an empty registry.

        Args:
            kind: a singular noun used in messages.
            group: of the entry points by which packages add to it; none if empty.
            entry_types: an entry is an instance of one of them; of anything if empty.
            check_name: raises ConfigError for a name by which no entry could be found.
        """
        self.kind = kind
        self.group = group
        self._entry_types = entry_types
        self._check_name = check_name
        self.problems: list[str] = []
        """Why packages were left out, one message each."""
        self._entries: dict[str, T] = {}
        self._packages: dict[str, str] = {}
        """The package of each entry that is not of this program."""
        self._is_complete = not group
        self._lock = RLock()

    def register(self, name: str) -> Callable[[T], T]:
        """Return a decorator that files its argument under `name`.

        Raises:
            ConfigError: the name is taken (nothing is ever replaced), or no entry could be found by it.
            TypeError: the argument is no entry of this registry.
        """
        if name in self._entries:
            raise self._taken(name)
        self._check_name(name)

        def add(entry: T) -> T:
            if self._entry_types and not isinstance(entry, self._entry_types):
                expected = " or ".join(kind.__name__ for kind in self._entry_types)
                raise TypeError(
                    f"the {self.kind} {name!r} is {entry!r:.80}; expected an instance of {expected}"
                )
            self._entries[name] = entry
            return entry

        return add

    def is_foreign(self, name: str) -> bool:
        """Whether the entry called `name` is an installed package's."""
        if name not in self._packages and name in self._promised:
            self._load_plugins()  # a module of several entries may have been imported for another registry
        return name in self._packages

    @cached_property
    def _promised(self) -> frozenset[str]:
        return frozenset(list_plugin_names(self.group) if self.group else ())

    def describe(self, name: str) -> str:
        """The entry called `name` in words, with its package: `the greeting 'moin' of the package north`."""
        package = self._packages.get(name)
        return f"the {self.kind} {name!r}" + (f" of the package {package}" if package else "")

    @contextmanager
    def blame(self, name: str, error: type[FerError], doing: str) -> Iterator[None]:
        """Whatever a package's entry raises is raised as an error that names the entry and the package.

        Errors meant for the user pass, and so does all that an entry of this program raises: that is a bug.

        Args:
            name: the entry whose code runs.
            error: what to raise in place of other exceptions.
            doing: what it was to do, as in "failed to `close` faces.csv".
        """
        try:
            yield
        except FerError:
            raise
        except (Exception, SystemExit) as cause:
            if not self.is_foreign(name):
                raise
            raise error(
                f"{self.describe(name)} failed to {doing}: {type(cause).__name__}: {cause}. "
                "Update or uninstall that package"
            ) from cause

    def __getitem__(self, name: str) -> T:
        """Return the entry called `name`.

        Raises:
            ConfigError: there is none; the message names the nearest and lists all.
        """
        if name not in self:
            near = get_close_matches(name, self._entries, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            known = ", ".join(sorted(self._entries))
            lost = "".join(f". {problem}" for problem in self.problems)
            raise ConfigError(f"unknown {self.kind} {name!r}.{hint} Known: {known}{lost}")
        return self._entries[name]

    def __contains__(self, name: object) -> bool:
        if name not in self._entries:
            self._load_plugins()
        return name in self._entries

    def __iter__(self) -> Iterator[str]:
        self._load_plugins()
        return iter(tuple(self._entries))

    def __len__(self) -> int:
        self._load_plugins()
        return len(self._entries)

    def _load_plugins(self) -> None:
        with self._lock:
            if self._is_complete:
                return
            self._is_complete = True  # first: what is imported may look something up
            for point in sorted(entry_points(group=self.group), key=lambda point: point.name):
                self._load_plugin(point)

    def _load_plugin(self, point: EntryPoint) -> None:
        before = dict(self._entries)
        package = point.dist.name if point.dist else point.value
        try:
            if point.name in before and point.module not in sys.modules:
                raise self._taken(point.name)
            point.load()
            if point.name not in self._entries:
                raise ConfigError(f"{point.value} registers no {self.kind} {point.name!r}")
        except (Exception, SystemExit) as error:  # noqa: BLE001 - code of others: the rest must work
            self._entries = before
            problem = (
                f"The plug-in package {package} ({point.name} in {self.group}) is left out: "
                f"{type(error).__name__}: {error}"
            )
            self.problems.append(problem)
            _LOG.warning(problem)
        else:
            added = {point.name, *(self._entries.keys() - before.keys())}
            self._packages |= dict.fromkeys(added, package)

    def _taken(self, name: str) -> ConfigError:
        return ConfigError(f"there is a built-in or installed {self.kind} {name!r}; choose another name")
