"""What the service is started with, checked."""

import hashlib
import hmac
import ipaddress
import os
import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from fer_core.errors import ConfigError

KEYS_VARIABLE: Final[str] = "FER_SERVE_KEYS"
_LOCAL_NAMES: Final[tuple[str, ...]] = ("localhost", "127.0.0.1", "[::1]")
_KEY: Final[re.Pattern[str]] = re.compile(r"[\x21-\x7e]{16,512}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeSettings:
    """Where the service listens, and what it refuses."""

    host: str = "127.0.0.1"
    """Address to listen on."""
    port: int = 8600
    allowed_hosts: tuple[str, ...] = ()
    """Names, beside those of this machine, under which it may be reached and whose pages may call it."""
    keys: frozenset[str] = field(default=frozenset(), repr=False)
    """SHA-256 of the keys, one of which every request must bring; none are needed if empty."""
    max_megabytes: float = 16.0
    """Size of a request."""
    max_megapixels: float = 32.0
    """Size of a picture."""
    max_pictures: int = 64
    """Pictures in a batch."""
    max_waiting: int = 128
    """Pictures that wait or are worked on; more are refused with 503."""
    max_streams: int = 4
    """WebSocket streams at a time."""
    rate: float = 0.0
    """Requests a second of one client, in the long run; 0 is unlimited."""
    threads: int = 0
    """Batches of pictures read at a time by each process; 0 divides the cores of this machine, at most 8."""
    processes: int = 1
    """As many share the port; all limits but those of one request are divided among them."""

    def __post_init__(self) -> None:
        for name, low, high in (
            ("port", 0, 65535),
            ("max_megabytes", 0.01, 1024),
            ("max_megapixels", 0.001, 64),
            ("max_pictures", 1, 1024),
            ("max_waiting", 1, 100_000),
            ("max_streams", 0, 1000),
            ("rate", 0, 1e6),
            ("threads", 0, 64),
            ("processes", 1, 64),
        ):
            value = getattr(self, name)
            if not low <= value <= high:
                raise ConfigError(f"{name} is {value}; expected {low:g} to {high:g}")
        if self.max_waiting < self.max_pictures:
            raise ConfigError(
                f"max_waiting is {self.max_waiting}; expected at least max_pictures ({self.max_pictures}), "
                "or no whole batch is ever taken"
            )
        if self.rate and self.processes > 1:
            raise ConfigError(
                f"rate is {self.rate:g} with {self.processes} processes, which don't know of each other's "
                "clients; limit the rate in the proxy before them, or take one process"
            )
        if not is_local(self.host) and not self.keys:
            raise ConfigError(
                f"host {self.host!r} lets other machines in, and no key protects the service: give "
                f"--key-file, or set {KEYS_VARIABLE}, or listen on 127.0.0.1"
            )

    def for_one_process(self) -> "ServeSettings":
        """The settings of each of several processes: its share of what waits, streams and threads.

        A share has room for one whole batch, and for one stream.
        """
        from fer_core.machine import count_cores

        return replace(
            self,
            processes=1,
            max_waiting=max(self.max_pictures, -(-self.max_waiting // self.processes)),
            max_streams=-(-self.max_streams // self.processes),
            threads=self.threads or max(1, count_cores() // self.processes),
        )

    @property
    def max_bytes(self) -> int:
        """Size of a request in bytes."""
        return int(self.max_megabytes * 1e6)

    @property
    def max_pixels(self) -> int:
        """Size of a picture in pixels."""
        return int(self.max_megapixels * 1e6)

    @property
    def host_names(self) -> frozenset[str]:
        """Names by which it may be addressed, in lower case, without ports."""
        own = f"[{self.host}]" if ":" in self.host else self.host
        named = () if self.host in ("0.0.0.0", "::") else (own,)
        return frozenset((*_LOCAL_NAMES, *map(name_of_host, (*named, *self.allowed_hosts))))

    def knows_key(self, key: str) -> bool:
        """Whether a client's key is one of the keys; as long for every wrong one."""
        digest = hash_key(key)
        return sum(hmac.compare_digest(digest, known) for known in self.keys) > 0


def name_of_host(text: str) -> str:
    """`localhost` of `LOCALHOST:8600`; an IPv6 address keeps its brackets."""
    text = text.strip().lower()
    if text.startswith("["):
        return text.partition("]")[0] + "]"
    return text.partition(":")[0]


def is_local(host: str) -> bool:
    """Whether only this machine reaches an address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def hash_key(key: str) -> str:
    """SHA-256 of a key; the keys themselves are not kept."""
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()


def read_keys(file: Path | None) -> frozenset[str]:
    """The hashes of the keys of a file, one a line, and of `$FER_SERVE_KEYS`, separated by commas.

    Raises:
        ConfigError: the file can't be read, or a key is too short or holds spaces or more than ASCII; the
            message names the line, but no key.
    """
    texts = {
        f"{KEYS_VARIABLE}, key {number}": text
        for number, text in enumerate(os.environ.get(KEYS_VARIABLE, "").split(","), 1)
    }
    if file is not None:
        texts |= _read_lines(file)
    keys = {place: text.strip() for place, text in texts.items() if text.strip()}
    if file is not None and not keys:
        raise ConfigError(f"the key file {file} holds no key; write one a line, 16 characters or more")
    for place, key in keys.items():
        if not _KEY.fullmatch(key):
            raise ConfigError(
                f"{place}: the key is unfit; expected 16 to 512 characters of ASCII without spaces"
            )
    return frozenset(map(hash_key, keys.values()))


def _read_lines(file: Path) -> dict[str, str]:
    """The lines of a key file that are no comments, by where they stand."""
    try:
        lines = file.read_text("utf-8-sig").splitlines()  # Windows' editors write a mark before UTF-8
    except (OSError, UnicodeDecodeError) as cause:
        raise ConfigError(f"the key file {file} can't be read: {cause}") from cause
    return {
        f"{file}, line {number}": line for number, line in enumerate(lines, 1) if not line.startswith("#")
    }
