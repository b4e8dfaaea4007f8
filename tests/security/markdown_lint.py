"""Finds texts that a page shows as Markdown although something foreign may be in them unescaped.

A value is known if it is written in the source, a number by its format, the result of an escaping function or
made of known values. Variables, parameters and functions of the pages are followed; whatever else they show
(attributes, results of the library) is foreign.
"""

import ast
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_TEXTS: Final[tuple[str, ...]] = _words(
    "badge button caption checkbox download_button expander file_uploader form_submit_button header info "
    "error warning success link_button markdown multiselect number_input popover selectbox slider "
    "spinner status subheader table tabs text_area text_input title toast toggle dialog"
)
SINKS: Final[dict[str, tuple[int | str, ...]]] = {
    **dict.fromkeys(_TEXTS, (0, "label", "body", "title", "help")),
    **dict.fromkeys(("pills", "radio", "segmented_control", "select_slider"), (0, 1, "help", "format_func")),
    "metric": (0, 1, 2, "label", "value", "delta", "help"),
    "progress": (1, "text"),
    "image": ("caption",),
    "page_link": ("label", "help"),
    "update": ("label",),
}
"""Streamlit's calls that read Markdown: positions and names of those arguments."""
ESCAPES: Final[frozenset[str]] = frozenset({"escape_markdown", "quote_markdown", "disarm_markdown"})
_PLAIN: Final[tuple[str, ...]] = _words(
    "len int round sum float bool range divmod count count_cores urlencode list_class_titles list_titles "
    "list_presets humanize load_sections describe_turn count_words"
)
"""Functions that give numbers, addresses or words of the program."""
OWN_TEXTS: Final[tuple[str, ...]] = _words(
    "spec.help spec.label item.help page.icon page.title section.title"
)
"""Attributes that hold words of the program: help of settings, titles of pages."""
_PASSING: Final[tuple[str, ...]] = _words(
    "str list tuple sorted dict set enumerate reversed zip next iter partial max min filter join replace "
    "get pop format __getitem__ capitalize lower upper strip rstrip lstrip removesuffix removeprefix items "
    "values keys partition rpartition split"
)
"""Functions and methods whose result is known if what they are called with and on is."""


@dataclass(slots=True)
class Scope:
    """A function or module: what its names are given, and what surrounds it."""

    node: ast.AST
    module: str
    parent: "Scope | None"
    values: dict[str, list[ast.expr]]


class Finder:
    """Follows values through the modules of the pages."""

    def __init__(self, sources: Mapping[str, str]) -> None:
        """Parse `sources`: text by path."""
        self._functions: dict[str, list[Scope]] = defaultdict(list)
        self._calls: dict[str, list[tuple[ast.Call, Scope]]] = defaultdict(list)
        self._busy: set[tuple[int, int]] = set()
        self._culprit = ""
        for path, text in sources.items():
            tree = ast.parse(text)
            self._read(tree.body, Scope(tree, path, None, defaultdict(list)))

    def find(self) -> list[str]:
        """One line per shown value that may hold something foreign: where it is shown, and what it is."""
        found = []
        for name, places in SINKS.items():
            for call, scope in self._calls[name]:
                for value in _arguments(call, places) if isinstance(call.func, ast.Attribute) else []:
                    self._culprit = ""
                    if not self.knows(value, scope):
                        found.append(f"{scope.module}:{value.lineno}: {name} shows {self._culprit}")
        return sorted(found)

    def _read(self, nodes: list[ast.AST], scope: Scope) -> None:
        for node in nodes:
            inner = scope
            match node:
                case ast.FunctionDef(name=name):
                    inner = Scope(node, scope.module, scope, defaultdict(list))
                    self._functions[name].append(inner)
                case ast.Assign(targets=targets, value=value):
                    for target in targets:
                        _bind(target, value, scope)
                case (
                    ast.AnnAssign(target=target, value=ast.expr() as value)
                    | ast.AugAssign(target=target, value=value)
                    | ast.NamedExpr(target=target, value=value)
                    | ast.For(target=target, iter=value)
                    | ast.comprehension(target=target, iter=value)
                ):
                    _bind(target, value, scope)
                case ast.Call(func=ast.Attribute(attr="append" | "insert", value=ast.Name(id=name))):
                    scope.values[name] += node.args[-1:]
            if isinstance(node, ast.Call):
                self._calls[_name(node.func)].append((node, scope))
            self._read(list(ast.iter_child_nodes(node)), inner)

    def knows(self, node: ast.expr | None, scope: Scope) -> bool:
        """Whether nothing foreign can get into `node` unescaped."""
        key = (id(node), id(scope))
        if node is None or key in self._busy:
            return True  # made of itself and what else is looked at
        self._busy.add(key)
        known = self._judge(node, scope)
        self._busy.discard(key)
        if not known:
            self._culprit = self._culprit or f"{scope.module}:{node.lineno}: {ast.unparse(node)[:80]}"
        return known

    def _judge(self, node: ast.expr, scope: Scope) -> bool:  # noqa: PLR0911 - a case each kind of expression
        match node:
            case ast.Constant() | ast.Compare() | ast.UnaryOp():
                return True
            case ast.BinOp(left=ast.Constant(value=int())) | ast.BinOp(right=ast.Constant(value=int())):
                return True  # a number
            case ast.FormattedValue(
                format_spec=ast.JoinedStr(values=[*_, ast.Constant(value=str(spec))])
            ) if spec[-1] in "dfge," or "%" in spec:
                return True  # Python formats no text like that
            case ast.Name(id=name):
                return self._knows_name(name, scope)
            case ast.Attribute(value=value, attr="__getitem__"):
                return self.knows(value, scope)
            case ast.Attribute(value=value):
                return (
                    ast.unparse(node) in OWN_TEXTS
                    or _is_own(_name(value))
                    or (not isinstance(value, ast.Name) and self.knows(value, scope))
                )
            case ast.Call(func=function, args=args):
                return self._knows_call(function, args, scope)
            case ast.IfExp(body=one, orelse=other):
                return self.knows(one, scope) and self.knows(other, scope)
            case ast.ListComp(elt=value) | ast.GeneratorExp(elt=value) | ast.Subscript(value=value):
                return self.knows(value, scope)
            case ast.Lambda(body=value):
                return self.knows(value, scope)
        return all(
            self.knows(child, scope) for child in ast.iter_child_nodes(node) if isinstance(child, ast.expr)
        )

    def _knows_name(self, name: str, scope: Scope) -> bool:
        if _is_own(name) or name in ESCAPES:
            return True  # a constant or an enumeration of the program
        place: Scope | None = scope
        while place is not None:
            if name in place.values:
                return all(self.knows(value, place) for value in place.values[name])
            if isinstance(place.node, ast.FunctionDef) and name in _parameters(place.node):
                return self._knows_parameter(place, name)
            place = place.parent
        return self._returns_known(name, scope.module)

    def _knows_parameter(self, scope: Scope, name: str) -> bool:
        function = scope.node
        assert isinstance(function, ast.FunctionDef)
        parameter = _parameters(function)[name]
        if parameter.annotation and ast.unparse(parameter.annotation) in ("int", "float", "bool"):
            return True
        index = list(_parameters(function)).index(name)
        calls = self._calls[function.name]
        if function.name.startswith("_"):
            calls = [item for item in calls if item[1].module == scope.module]
        values = [(value, place) for call, place in calls for value in _arguments(call, (index, name))]
        return bool(calls) and all(self.knows(*item) for item in values)

    def _knows_call(self, function: ast.expr, args: list[ast.expr], scope: Scope) -> bool:
        name = _name(function)
        if name in ESCAPES or name in _PLAIN:
            return True
        if name == "map":
            return self.knows(args[0], scope) or all(self.knows(item, scope) for item in args)
        if name in _PASSING:
            owner = [function.value] if isinstance(function, ast.Attribute) else []
            return all(
                self.knows(item, scope) for item in (*owner, *(args[1:] if name in ("get", "pop") else args))
            )
        return isinstance(function, ast.Name) and self._knows_name(name, scope)

    def _returns_known(self, name: str, module: str) -> bool:
        """Whether the functions that are called like that return known values, the module's own first."""
        found = self._functions.get(name, [])
        own = [scope for scope in found if scope.module == module]
        return bool(found) and all(
            self.knows(item.value, scope) for scope in own or found for item in _own_returns(scope.node)
        )


def _own_returns(function: ast.AST) -> Iterator[ast.Return]:
    for child in ast.iter_child_nodes(function):
        if isinstance(child, ast.Return):
            yield child
        elif not isinstance(child, ast.FunctionDef | ast.Lambda):
            yield from _own_returns(child)


def _parameters(function: ast.FunctionDef) -> dict[str, ast.arg]:
    return {item.arg: item for item in (*function.args.args, *function.args.kwonlyargs)}


def _arguments(call: ast.Call, places: tuple[int | str, ...]) -> list[ast.expr]:
    named = {item.arg: item.value for item in call.keywords if item.arg in places}
    hidden = 1 if "format_func" in named else None  # options are shown as it writes them
    shown = [value for index, value in enumerate(call.args) if index in places and index != hidden]
    return [*named.values(), *shown]


def _name(node: ast.expr) -> str:
    """Last part of a dotted name; empty where there is none."""
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def _is_own(name: str) -> bool:
    """Whether it is a constant, a class or an enumeration: words of the program."""
    return name.lstrip("_")[:1].isupper()


def _bind(target: ast.expr, value: ast.expr, scope: Scope) -> None:
    match target:
        case ast.Name(id=name) | ast.Subscript(value=ast.Name(id=name)):
            scope.values[name].append(value)
        case ast.Tuple(elts=targets):
            for item, part in zip(targets, _unpack(value, len(targets)), strict=True):
                _bind(item, part, scope)


def _unpack(value: ast.expr, count: int) -> list[ast.expr]:
    """What `count` names are given by a value, or by the items of one; the whole where that is unknown."""
    match value:
        case ast.Tuple(elts=rows) if all(
            isinstance(row, ast.Tuple) and len(row.elts) == count for row in rows
        ):
            columns = zip(*(row.elts for row in rows if isinstance(row, ast.Tuple)), strict=True)
            return [ast.Tuple(list(column)) for column in columns]
        case ast.Tuple(elts=parts) if len(parts) == count:
            return parts
        case ast.Call(func=ast.Name(id="zip"), args=args) if len(args) == count:
            return args
        case ast.Call(func=ast.Name(id="enumerate"), args=[items]):
            return [ast.Constant(0), items]
    return [value] * count
