"""The models as cards: search, sort, open. Never loads torch."""

import math
from collections.abc import Callable, Sequence
from typing import Final

import streamlit as st

from app.models.charts import build_size_scatter
from app.models.state import Key
from app.models.wording import (
    KIND_TITLES,
    describe_badges,
    describe_figure,
    describe_latency,
    describe_lineage,
    describe_parameters,
    describe_protocol,
    describe_size,
    open_model,
    show_message,
)
from app.shared.charts import STATIC_CONFIG
from app.shared.messages import empty_state
from app.shared.model_picker import describe_input
from app.shared.terms import describe_use
from fer_core.escaping import escape_markdown
from fer_core.exchange.facts import ModelFacts, ModelKind, list_models
from fer_core.words import count as count_words
from fer_core.workspace import Workspace

_NUM_COLUMNS: Final[int] = 3
_PAGE_SIZE: Final[int] = 12


def _order_by(name: str, *, sign: int) -> Callable[[ModelFacts], float]:
    """By a figure, best first; models without it come last."""
    return lambda facts: sign * facts.figures[name] if name in facts.figures else math.inf


_ORDERS: Final[dict[str, Callable[[ModelFacts], float]]] = {
    "as listed": lambda facts: 0,
    "accuracy": _order_by("accuracy", sign=-1),
    "macro-F1": _order_by("macro_f1", sign=-1),
    "calibration error": _order_by("ece", sign=1),
    "fewest parameters": lambda facts: facts.entry.info.num_parameters,
    "smallest file": lambda facts: facts.num_bytes,
    "latency": lambda facts: math.inf if facts.latency is None else facts.latency.ms,
}


def render_list(workspace: Workspace) -> None:
    """Show the models, and say which can't be read."""
    show_message()
    models, damaged = list_models(workspace)
    for key, reason in damaged.items():
        st.warning(
            f"**{escape_markdown(key)}** — {escape_markdown(reason)}. Replace it, or remove its folder.",
            icon=":material/broken_image:",
        )
    if not models:
        empty_state(
            "No model on this machine yet",
            "Train one on the **Train** page or with `fer train --preset quick`, or import one with "
            "**Import a model** above.",
            icon=":material/neurology:",
        )
        return
    shown = _choose(models)
    if not shown:
        st.caption("No model matches; change the search.")
        return
    count = max(_PAGE_SIZE, int(st.session_state.get(Key.MODELS_SHOWN, _PAGE_SIZE)))
    for start in range(0, min(count, len(shown)), _NUM_COLUMNS):
        row = shown[start : min(start + _NUM_COLUMNS, count)]
        for column, facts in zip(st.columns(_NUM_COLUMNS, gap="medium"), row, strict=False):
            with column:
                _render_card(facts)
    if len(shown) > count:
        st.button(
            f"Show more ({len(shown) - count:,} left)",
            icon=":material/expand_more:",
            on_click=_show_more,
            args=(count + _PAGE_SIZE,),
        )
    _render_scatter(shown)


def _show_more(count: int) -> None:
    st.session_state[Key.MODELS_SHOWN] = count


def _choose(models: Sequence[ModelFacts]) -> list[ModelFacts]:
    if len(models) == 1:
        return list(models)
    search, order, kinds = st.columns([4, 3, 5], gap="medium", vertical_alignment="bottom")
    with search:
        words = st.text_input(
            "Search",
            key=Key.MODELS_SEARCH,
            persist_state="session",
            icon=":material/search:",
            placeholder="name, architecture, class, data set",
        )
    with order:
        chosen = st.selectbox("Sort by", list(_ORDERS), key=Key.MODELS_ORDER, persist_state="session")
    with kinds:
        present = [kind for kind in ModelKind if any(facts.kind is kind for facts in models)]
        wanted = st.pills(
            "From",
            present,
            selection_mode="multi",
            key=Key.MODELS_KINDS,
            format_func=lambda kind: f"{KIND_TITLES[kind]} {sum(facts.kind is kind for facts in models)}",
        )
    found = [
        facts for facts in models if matches(facts, words or "") and (not wanted or facts.kind in wanted)
    ]
    return sorted(found, key=_ORDERS[chosen or "as listed"])


def matches(facts: ModelFacts, words: str) -> bool:
    """Whether every word is part of the model's name, architecture, classes, data set, run or origin."""
    info = facts.entry.info
    parts = [
        facts.key,
        facts.title,
        info.architecture,
        *info.classes,
        str(info.data.get("name", "")),
        facts.run,
    ]
    text = " ".join([*parts, KIND_TITLES[facts.kind], facts.protocol]).lower()
    return all(word in text for word in words.lower().split())


def _render_card(facts: ModelFacts) -> None:
    info = facts.entry.info
    with st.container(border=True, height="stretch", gap="small"):
        st.markdown(f"#### {escape_markdown(facts.title)}\n\n{describe_badges(facts)}")
        if facts.figures:
            accuracy = describe_figure(facts, "accuracy")
            st.metric("Accuracy", accuracy, help="Share of the images that it classifies correctly.")
            st.caption(
                f"macro-F1 **{describe_figure(facts, 'macro_f1')}** · calibration error "
                f"**{describe_figure(facts, 'ece')}**  \n{describe_protocol(facts)}"
            )
        else:
            st.caption(describe_protocol(facts))
        costs = [f"{describe_parameters(info.num_parameters)} parameters", describe_size(facts.num_bytes)]
        costs += [f"{describe_latency(facts)} per face"] if facts.latency is not None else []
        st.markdown(f"{len(info.classes)} classes · {describe_input(info.input)}  \n{' · '.join(costs)}")
        st.caption(describe_lineage(facts))
        st.markdown(describe_use(facts.terms))
        st.button(
            "Open",
            key=f"open-model-{facts.key}",
            icon=":material/open_in_full:",
            on_click=open_model,
            args=(facts.key,),
            width="stretch",
        )


def _render_scatter(models: Sequence[ModelFacts]) -> None:
    """Accuracy against size, of those that were scored on the same images by the same rule."""
    groups: dict[tuple[str, int], list[ModelFacts]] = {}
    # Copies of the same weights would lie on each other.
    for facts in {facts.entry.info.weights_sha256: facts for facts in reversed(models)}.values():
        if "accuracy" in facts.figures and facts.n:
            groups.setdefault((facts.protocol, facts.n), []).append(facts)
    best = max(groups.values(), key=len, default=[])
    if len({facts.entry.info.num_parameters for facts in best}) < 2:
        return
    st.subheader("What size buys", anchor=False)
    st.caption(f"{count_words(len(best), 'model')} on {describe_protocol(best[0])}.")
    st.plotly_chart(
        build_size_scatter(best),
        config=STATIC_CONFIG,
        key="models-scatter",
        alt=f"Accuracy against number of parameters of {count_words(len(best), 'model')}",
    )
