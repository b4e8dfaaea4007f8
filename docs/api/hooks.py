"""Hooks of mkdocs.yml: a page for each public module of fer_core, and one with the help of every command.

The pages exist only in the built site, so they can't fall behind the code.
"""

import contextlib
import io
import os
import re
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

from fer_core.cli import COMMANDS, main

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
HELP_WIDTH = "100"


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Fill sections of the navigation: `guide/` with what lies in the folder, `*` with what is left."""
    nav = config.nav or []
    rest = [page.name for page in sorted(DOCS.glob("*.md")) if page.name not in _list_targets(nav)]
    config.nav = _fill(nav, rest)
    return config


def on_files(files: Files, *, config: MkDocsConfig) -> Files:
    """Add the generated pages."""
    for names in _list_modules():
        text = f"# {'.'.join(names)}\n\n::: {'.'.join(names)}\n"
        files.append(File.generated(config, _page_of(names), content=text))
    files.append(File.generated(config, "cli.md", content=_describe_commands()))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Links to files that are no part of the site become their names."""
    return re.sub(r"\[([^\]]*)\]\(\.\./([^)]*)\)", r"\1 (`\2`)", markdown)


def _list_targets(nav: list[dict[str, str]]) -> list[str]:
    return [target for item in nav for target in item.values()]


def _fill(nav: list[dict[str, str]], rest: list[str]) -> list[dict[str, Any]]:
    return [{title: _list_section(target, rest) for title, target in item.items()} for item in nav]


def _list_section(target: str, rest: list[str]) -> Any:
    if target == "*":
        return rest
    if target == "api/":
        return _list_package(("fer_core",))
    if target.endswith("/"):
        pages = sorted((DOCS / target).glob("*.md"), key=lambda page: (page.stem != "index", page.name))
        return [f"{target}{page.name}" for page in pages]
    return target


def _list_package(names: tuple[str, ...]) -> list[Any]:
    inside = [module for module in _list_modules() if module[:-1] == names]
    entries = [_list_package(module) if _is_package(module) else _page_of(module) for module in inside]
    named = zip(inside, entries, strict=True)
    return [_page_of(names), *({module[-1]: entry} for module, entry in named)]


def _list_modules() -> list[tuple[str, ...]]:
    """Every module but those of the command line, whose page is its help."""
    found = []
    for path in sorted((ROOT / "fer_core").rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        names = parts[:-1] if parts[-1] == "__init__" else parts
        if "cli" not in names and names[-1] != "__main__":
            found.append(names)
    return sorted(found)


def _is_package(names: tuple[str, ...]) -> bool:
    return ROOT.joinpath(*names).is_dir()


def _page_of(names: tuple[str, ...]) -> str:
    return "/".join(("api", *names, "index.md")) if _is_package(names) else "/".join(("api", *names)) + ".md"


def _describe_commands() -> str:
    os.environ |= {"COLUMNS": HELP_WIDTH, "NO_COLOR": "1"}
    parts = ["# Command line", "`fer <command>` and `python -m fer_core <command>` are the same.", _help_of()]
    for command, summary in COMMANDS.items():
        parts += [f"## fer {command}", f"{summary[0].upper()}{summary[1:]}.", _help_of(command)]
    return "\n\n".join(parts) + "\n"


def _help_of(*command: str) -> str:
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.suppress(SystemExit):
        main([*command, "--help"])
    return f"```text\n{printed.getvalue().strip()}\n```"
