"""Look the tested versions (constraints.txt) up in the known advisories: `make audit`.

The exit status is 0 if all were looked up and none is affected, 1 if one is, and 2 if that is not known.
"""

import json
import subprocess
import sys
from pathlib import Path

CONSTRAINTS = Path(__file__).resolve().parent.parent / "constraints.txt"
_TIMEOUT_S = 600


def main() -> int:
    """Ask, print, and return the exit status."""
    command = [sys.executable, "-m", "pip_audit", "--requirement", str(CONSTRAINTS)]
    command += ["--no-deps", "--disable-pip", "--format", "json", "--progress-spinner", "off"]
    try:
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=_TIMEOUT_S)
        status, text = report(done.stdout, done.stderr)
    except subprocess.TimeoutExpired:
        status, text = 2, f"NOT AUDITED: no advisory service answered within {_TIMEOUT_S} s."
    print(text)
    return status


def report(answer: str, problem: str) -> tuple[int, str]:
    """Exit status and words for what pip-audit printed: its JSON, and what it says of failures."""
    try:
        packages = json.loads(answer)["dependencies"]
    except (ValueError, KeyError, TypeError):
        last = (problem.strip().splitlines() or ["it said nothing"])[-1]
        return 2, f"NOT AUDITED: no advisory service answered. pip-audit: {last}"
    affected = [
        f"{item['name']} {item['version']}: {found['id']}, mended in {found['fix_versions'] or 'no version'}"
        for item in packages
        for found in item.get("vulns", [])
    ]
    skipped = [item["name"] for item in packages if "skip_reason" in item]
    audited = len(packages) - len(skipped)
    if not audited:
        return 2, f"NOT AUDITED: no advisory service answered for any of the {len(packages)} packages."
    lines = [*affected, f"{audited} packages looked up, {len(affected)} known advisories."]
    if skipped:
        lines.append(f"NOT AUDITED: {len(skipped)} packages without an answer: {', '.join(skipped)}")
    return 1 if affected else 2 if skipped else 0, "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
