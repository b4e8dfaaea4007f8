"""Ready code that predicts with an exported file, in Python, JavaScript and C++."""

import json
import string
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fer_core.onnx_file import OnnxInfo

_FOLDER: Final[Path] = Path(__file__).with_name("snippets")
_PLAIN: Final[frozenset[str]] = frozenset(string.ascii_letters + string.digits + " _-./:,()[]")


@dataclass(frozen=True, slots=True)
class Snippet:
    """A whole program in one language."""

    title: str
    language: str
    """As Streamlit and Markdown call it."""
    code: str


def build_snippets(info: OnnxInfo) -> list[Snippet]:
    """Programs that read face crops from a file of bytes and print their probabilities; all compute the same.

    They give what the file gives: probabilities calibrated on data like its training data.

    Args:
        info: what the exported file says of itself; names in it may be anybody's.
    """
    spec, classes = info.checkpoint.input, info.checkpoint.classes
    values = {
        "CLASSES": json.dumps(list(classes)),
        "CPP_CLASSES": ", ".join(map(_quote_cpp, classes)),
        "NUM_CLASSES": str(len(classes)),
        "HEIGHT": str(spec.height),
        "WIDTH": str(spec.width),
        "CHANNELS": str(spec.channels),
        "MEAN": json.dumps(list(spec.mean)),
        "STD": json.dumps(list(spec.std)),
        "CPP_MEAN": ", ".join(f"{float(value)}f" for value in spec.mean),
        "CPP_STD": ", ".join(f"{float(value)}f" for value in spec.std),
        "UINT8": str(info.uint8_input),
        "JS_UINT8": json.dumps(info.uint8_input),
        "FILE": json.dumps(info.path.name),
        "CPP_FILE": _quote_cpp(info.path.name),
        "ORDER": "grey" if spec.channels == 1 else "RGB",
    }
    return [
        Snippet(title, language, _fill((_FOLDER / f"{language}.txt").read_text("utf-8"), values))
        for title, language in (("Python", "python"), ("JavaScript", "javascript"), ("C++", "cpp"))
    ]


def _fill(template: str, values: dict[str, str]) -> str:
    """Put values in the places of their names; what a value holds is never looked at again."""
    parts = template.split("@")
    return "".join(values[part] if number % 2 else part for number, part in enumerate(parts))


def _quote_cpp(text: str) -> str:
    """A C++ literal: everything but plain characters as octal numbers of its UTF-8."""
    escaped = "".join(
        character if character in _PLAIN else "".join(f"\\{byte:03o}" for byte in character.encode())
        for character in text
    )
    return f'"{escaped}"'
