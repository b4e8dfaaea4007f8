"""A small typed registry: names to things, with errors that list what there is."""

from collections.abc import Callable, Iterator
from difflib import get_close_matches
from typing import Generic, TypeVar

from fer_core.errors import ConfigError

T = TypeVar("T")


class Registry(Generic[T]):
    """Maps names to entries of one kind.

    Examples:
        >>> greetings: Registry[str] = Registry("greeting")
        >>> _ = greetings.register("english")("hello")
        >>> greetings["english"]
        'hello'
    """

    def __init__(self, kind: str) -> None:
        """Make an empty registry of `kind` (a singular noun used in messages)."""
        self.kind = kind
        self._entries: dict[str, T] = {}

    def register(self, name: str) -> Callable[[T], T]:
        """Return a decorator that files its argument under `name`."""
        assert name not in self._entries, f"{self.kind} {name!r} is registered twice"

        def add(entry: T) -> T:
            self._entries[name] = entry
            return entry

        return add

    def __getitem__(self, name: str) -> T:
        """Return the entry called `name`.

        Raises:
            ConfigError: there is none; the message names the nearest and lists all.
        """
        if name not in self._entries:
            near = get_close_matches(name, self._entries, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            known = ", ".join(sorted(self._entries))
            raise ConfigError(f"unknown {self.kind} {name!r}.{hint} Known: {known}")
        return self._entries[name]

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)
