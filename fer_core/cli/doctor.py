"""`fer doctor`: what is found on this computer, what is missing, and how to get it."""

import json
from dataclasses import asdict
from typing import Annotated, Final

from tyro.conf import arg

from fer_core.cli.terminal import say
from fer_core.workspace import Workspace

_MARKS: Final[dict[str, str]] = {"ok": "ok", "missing": "--", "broken": "!!"}


def main(*, json_output: Annotated[bool, arg(name="json")] = False) -> int:
    """Say what the program finds here, what is missing and how to get it. Nothing is contacted or changed.

    The exit status is 1 if something is broken that nothing works without.

    Args:
        json_output: Print JSON instead of lines.
    """
    from fer_core.doctor import examine

    findings = list(examine(Workspace.default()))
    if json_output:
        say(json.dumps([asdict(item) for item in findings], indent=2))
    else:
        width = max(len(item.name) for item in findings)
        for item in findings:
            remedy = f"\n   {'':<{width}}  get it: {item.remedy}" if item.remedy else ""
            say(f"{_MARKS[item.state]} {item.name:<{width}}  {item.text}{remedy}")
    return 1 if any(item.state == "broken" for item in findings) else 0
