"""What a built wheel needs beyond pyproject.toml (hatchling calls it)."""

from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

RUNTIME = "onnxruntime>=1.31,<2"


class WheelHook(BuildHookInterface[Any]):
    """A wheel brings onnxruntime for the CPU.

    A checkout must not: onnxruntime-gpu of requirements.txt has the same files, and the last installed wins.
    """

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the runtime to the wheel's dependencies."""
        if version != "editable":
            build_data["dependencies"].append(RUNTIME)
