"""What all fuzzing shares: how many inputs, hostile changes to valid files, and what may come out."""

import copy
import json
import math
import os
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from fer_core.errors import FerError

NUM_INPUTS = int(os.environ.get("FER_FUZZ_INPUTS", "60"))
"""Inputs a parser; `make fuzz` sets thousands."""
IS_LONG = "FER_FUZZ_INPUTS" in os.environ


def inputs(share: float = 1.0) -> settings:
    """Settings of one test: `share` of the usual number of inputs, for parsers that are slow.

    The short run draws the same inputs each time, so that it never fails on a machine by chance.
    """
    return settings(
        max_examples=max(5, math.ceil(NUM_INPUTS * share)),
        deadline=None,
        derandomize=not IS_LONG,
        database=None,
        suppress_health_check=list(HealthCheck),
        print_blob=True,
    )


@dataclass
class Count:
    """What came of the inputs of one parser."""

    outcomes: Counter[str] = field(default_factory=Counter)
    slowest_s: float = 0.0


COUNTS: dict[str, Count] = {}
"""By parser; printed at the end of the session."""


def attempt(parser: str, call: Callable[[], Any], *, check: Callable[[Any], Any] | None = None) -> Any:
    """Call a parser. A result is fine, and so is a `FerError` with a message that can be shown.

    Args:
        parser: what it is counted as.
        call: reads one input.
        check: looks at a result, and raises if it can't be used.
    """
    count = COUNTS.setdefault(parser, Count())
    start = time.monotonic()
    try:
        value = call()
    except FerError as error:
        count.outcomes["refused"] += 1
        message = str(error)
        assert message.strip(), "an error without words"
        message.encode("utf-8")  # a lone surrogate could be neither printed nor sent to a page
        return None
    finally:
        count.slowest_s = max(count.slowest_s, time.monotonic() - start)
    count.outcomes["read"] += 1
    if check is not None:
        check(value)
    return value


class MemoryTree:
    """A tree of files that lies nowhere."""

    name = "memory"

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self._files = files

    def names(self) -> list[str]:
        return list(self._files)

    def read(self, name: str) -> bytes:
        return self._files[name]


# Bytes -----------------------------------------------------------------------------------------------------

_TOKENS = (
    b"\x00", b"\xff" * 4, b"\x7f\xff\xff\xff", b"\x80\x00\x00\x00", b"\xff\xff\xff\xff\xff\xff\xff\x7f",
    b"\xef\xbb\xbf", b"\xff\xfe", b"\xed\xa0\x80", b"\r\n", b"\n", b'"', b"\\", b",", b"{", b"[" * 3000,
    b"{\"a\":" * 3000, b"NaN", b"Infinity", b"1e999", b"9" * 5000, b"-1", b"<script>", b"../", b"PK\x03\x04",
)  # fmt: skip

EDITS = st.lists(
    st.tuples(
        st.sampled_from(("flip", "insert", "token", "cut", "truncate", "repeat", "set")),
        st.floats(0, 1),
        st.integers(0, 255),
        st.integers(0, len(_TOKENS) - 1),
    ),
    min_size=1,
    max_size=4,
)


def edit_bytes(data: bytes, edits: Sequence[tuple[str, float, int, int]]) -> bytes:
    """Apply small damages, each at a relative place."""
    for kind, place, number, token in edits:
        at = int(place * len(data))
        if kind == "flip" and at < len(data):
            data = data[:at] + bytes([data[at] ^ (1 << number % 8)]) + data[at + 1 :]
        elif kind == "set" and at < len(data):
            data = data[:at] + bytes([number]) + data[at + 1 :]
        elif kind == "insert":
            data = data[:at] + bytes([number]) + data[at:]
        elif kind == "token":
            data = data[:at] + _TOKENS[token] + data[at:]
        elif kind == "cut":
            data = data[:at] + data[at + number + 1 :]
        elif kind == "truncate":
            data = data[:at]
        elif kind == "repeat":
            data = data[:at] + data[at : at + number] * 3 + data[at:]
    return data


def damaged(*valid: bytes) -> st.SearchStrategy[bytes]:
    """Valid files with some bytes changed, and now and then bytes that never were a file."""
    edited = st.builds(edit_bytes, st.sampled_from(valid), EDITS)
    return st.one_of(edited, edited, edited, st.binary(max_size=400))


# Values ----------------------------------------------------------------------------------------------------


def _nest(depth: int) -> Any:
    value: Any = []
    for _ in range(depth):
        value = [value]
    return value


HOSTILE: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2**31, 2**63, -(2**63) - 1, 10**30, 1.5, -0.0, 1e-320, 1e308,
    math.inf, -math.inf, math.nan, "", " ", "0", "nan", "\ud800", "\x00", "a\nb", "../../etc/passwd",
    "/etc/passwd", "C:\\x", "<img src=x>", "'; drop", "é" * 300, "x" * 5000, "\u202e",
    [], [[]], [None], [1, "a", None], {}, {"": None}, {"a": {"b": []}}, _nest(200),
)  # fmt: skip
"""Values that a field was never meant to have."""


def _paths(value: Any, prefix: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [prefix] if prefix else []
    if isinstance(value, Mapping):
        for key, item in value.items():
            found += _paths(item, (*prefix, key))
    elif isinstance(value, list):
        for index, item in enumerate(value[:4]):
            found += _paths(item, (*prefix, index))
    return found


def _change(value: Any, path: tuple[Any, ...], kind: str, new: Any) -> None:
    *parents, last = path
    for part in parents:
        try:
            value = value[part]
        except (KeyError, IndexError, TypeError):  # an earlier change took it away
            return
    if isinstance(value, dict):
        known = last in value
    else:
        known = isinstance(value, list) and isinstance(last, int) and last < len(value)
    if not known:
        return
    if kind == "replace":
        value[last] = new
    elif kind == "remove":
        del value[last]
    elif kind == "wrap":
        value[last] = [value[last]]
    elif kind == "text":
        value[last] = str(value[last])
    elif isinstance(value, dict):
        value[str(last) + "x"] = new


def changed(valid: Any, *, hostile: Sequence[Any] = HOSTILE) -> st.SearchStrategy[Any]:
    """A plain value of which one to three fields are replaced, removed, wrapped, or joined by strangers."""
    valid = json.loads(json.dumps(valid))
    change = st.tuples(
        st.sampled_from(_paths(valid)),
        st.sampled_from(("replace", "replace", "replace", "remove", "wrap", "text", "add")),
        st.sampled_from(list(hostile)),
    )

    def build(changes: list[tuple[Any, str, Any]]) -> Any:
        value = copy.deepcopy(valid)
        for path, kind, new in changes:
            _change(value, path, kind, copy.deepcopy(new))
        return value

    return st.lists(change, min_size=1, max_size=3).map(build)


def json_files(valid: Any) -> st.SearchStrategy[bytes]:
    """JSON files: fields changed (numbers that no float holds, NaN, surrogates), bytes changed, not JSON."""
    texts = st.tuples(changed(valid), st.booleans(), st.sampled_from(("", "\ufeff", " \n"))).map(
        lambda item: (item[2] + json.dumps(item[0], ensure_ascii=item[1])).encode("utf-8", "surrogatepass")
    )
    whole = json.dumps(valid).encode()
    strange = st.sampled_from(
        (b"", b"null", b"[]", b"3", b'"x"', b"[" * 100_000, b'{"a":' * 50_000, b'{"a": ' + b"9" * 6000 + b"}",
         b'{"schema_version": 1' + b"0" * 5000 + b"}", b"\xff\xfe{\x00}\x00", b"{} {}", b'{"a": 1, "a": 2}')
    )  # fmt: skip
    return st.one_of(texts, texts, texts, damaged(whole), strange)
