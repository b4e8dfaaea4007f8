"""A small typed registry: names to things, some of them from installed packages (plug-ins)."""

import logging
import sys
from collections.abc import Callable, Iterator
from difflib import get_close_matches
from importlib.metadata import EntryPoint, entry_points
from threading import RLock
from typing import Generic, TypeVar

from fer_core.errors import ConfigError

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

    def __init__(self, kind: str, group: str = "") -> None:
        """Make an empty registry.

        Args:
            kind: a singular noun used in messages.
            group: of the entry points by which packages add to it; none if empty.
        """
        self.kind = kind
        self.group = group
        self.problems: list[str] = []
        """Why packages were left out, one message each."""
        self._entries: dict[str, T] = {}
        self._is_complete = not group
        self._lock = RLock()

    def register(self, name: str) -> Callable[[T], T]:
        """Return a decorator that files its argument under `name`.

        Raises:
            ConfigError: the name is taken: nothing is ever replaced.
        """
        if name in self._entries:
            raise self._taken(name)

        def add(entry: T) -> T:
            self._entries[name] = entry
            return entry

        return add

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
        try:
            if point.name in before and point.module not in sys.modules:
                raise self._taken(point.name)
            point.load()
            if point.name not in self._entries:
                raise ConfigError(f"{point.value} registers no {self.kind} {point.name!r}")
        except Exception as error:  # noqa: BLE001 - code of others: whatever it raises, the rest must work
            self._entries = before
            package = point.dist.name if point.dist else point.value
            problem = (
                f"The plug-in package {package} ({point.name} in {self.group}) is left out: "
                f"{type(error).__name__}: {error}"
            )
            self.problems.append(problem)
            _LOG.warning(problem)

    def _taken(self, name: str) -> ConfigError:
        return ConfigError(f"there is a built-in or installed {self.kind} {name!r}; choose another name")
