"""Facts on models in words, as Markdown, for the list and the view of one."""

from typing import Final

import streamlit as st

from app.models.state import Key
from app.shared.run_format import describe_percent
from fer_core.escaping import escape_markdown, quote_markdown
from fer_core.exchange.facts import ModelFacts, ModelKind

_KIND_BADGES: Final[dict[ModelKind, tuple[str, str]]] = {
    ModelKind.SHIPPED: ("blue", ":material/inventory_2: shipped"),
    ModelKind.IMPORTED: ("violet", ":material/download: imported"),
    ModelKind.TRAINED: ("green", ":material/model_training: trained here"),
}
KIND_TITLES: Final[dict[ModelKind, str]] = {
    ModelKind.SHIPPED: "Shipped",
    ModelKind.IMPORTED: "Brought in",
    ModelKind.TRAINED: "Trained here",
}


def describe_badges(facts: ModelFacts) -> str:
    """Where it comes from, and what is special about it."""
    color, text = _KIND_BADGES[facts.kind]
    badges = [f":{color}-badge[{text}]"]
    if facts.is_default:
        badges.append(":gray-badge[:material/star: used by default]")
    if not facts.has_weights:
        badges.append(":orange-badge[ONNX only]")
    if facts.entry.info.input.kind == "sound":
        badges.append(":gray-badge[:material/graphic_eq: reads voices]")
    return " ".join(badges)


def describe_size(num_bytes: int) -> str:
    """Bytes in MB or GB (powers of ten)."""
    return f"{num_bytes / 1e9:.2f} GB" if num_bytes >= 1e9 else f"{num_bytes / 1e6:.1f} MB"


def describe_parameters(count: int) -> str:
    """A number of parameters, in millions or thousands."""
    return f"{count / 1e6:.2f} M" if count >= 100_000 else f"{count / 1e3:.1f} k"


def describe_protocol(facts: ModelFacts) -> str:
    """What the figures were measured on, by which rule, on how many images, and who says so."""
    if not facts.source:
        return "not measured yet"
    parts = [escape_markdown(facts.protocol)] if facts.protocol else []
    parts += [f"n = {facts.n:,}"] if facts.n else []
    if facts.kind is ModelKind.IMPORTED and facts.source == "model.json":
        parts.append("as its maker states")
    if not facts.has_weights:
        parts.append("of the weights that the ONNX file was made from")
    return ", ".join(parts) or "protocol not stated"


def describe_figure(facts: ModelFacts, name: str) -> str:
    """One figure: accuracies in per cent, the others as fractions; a dash where it was not measured."""
    value = facts.figures.get(name)
    if value is None:
        return "–"
    return describe_percent(value) if name.endswith("accuracy") else f"{value:.3f}"


def describe_latency(facts: ModelFacts) -> str:
    """Time for one face; a dash where it was not measured."""
    return "–" if facts.latency is None else f"{facts.latency.ms:.1f} ms"


def describe_lineage(facts: ModelFacts) -> str:
    """Architecture, data and run in one line."""
    info = facts.entry.info
    parts = [quote_markdown(info.architecture)]
    if info.data.get("name"):
        parts.append(f"trained on {escape_markdown(str(info.data['name']))}")
    if facts.run and facts.kind is not ModelKind.TRAINED:
        parts.append(f"from run {escape_markdown(facts.run)}")
    if info.origin.get("epoch"):
        parts.append(f"epoch {escape_markdown(str(info.origin['epoch']))}")
    return " · ".join(parts)


def show_message() -> None:
    """What the last action had to say, once."""
    message = st.session_state.pop(Key.MODELS_MESSAGE, None)
    if message:
        st.success(escape_markdown(message), icon=":material/check_circle:")


def open_model(key: str) -> None:
    """Show a model in place of what is on the page."""
    st.query_params.from_dict({"model": key})


def close_model() -> None:
    """Go back to all models."""
    st.query_params.clear()
