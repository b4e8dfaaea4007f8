"""One model: what it is, how well it reads, its layers, its card, and taking it away. Torch only if asked."""

from typing import Final

import streamlit as st

from app.models.actions import render_actions
from app.models.card import render_card
from app.models.description import render_facts
from app.models.layers import render_layers
from app.models.onnx_export import render_export
from app.models.scores import render_figures
from app.models.sharing import render_share
from app.models.state import Key
from app.models.wording import (
    close_model,
    describe_badges,
    describe_figure,
    describe_parameters,
    describe_protocol,
    describe_size,
    show_message,
)
from app.shared.background import open_asked_part
from app.shared.messages import empty_state
from fer_core.checkpoint import find_listed_checkpoint
from fer_core.errors import CheckpointError
from fer_core.escaping import escape_markdown
from fer_core.exchange.facts import ModelFacts, build_facts
from fer_core.workspace import Workspace

_TABS: Final[tuple[str, ...]] = (
    ":material/info: Facts",
    ":material/bar_chart: By class",
    ":material/account_tree: Layers",
    ":material/description: Model card",
    ":material/deployed_code: ONNX",
    ":material/share: Publish",
)


def render_view(key: str, workspace: Workspace) -> None:
    """Show the model called `key`, or say that there is none."""
    st.button(
        "All models",
        icon=":material/arrow_back:",
        type="tertiary",
        on_click=close_model,
        key="models-back",
    )
    try:
        facts = build_facts(find_listed_checkpoint(key, workspace), workspace)
    except CheckpointError as error:
        empty_state(
            f"{escape_markdown(key)} can't be shown", escape_markdown(str(error)), icon=":material/error:"
        )
        return
    with st.container(gap="xsmall"):
        st.title(escape_markdown(facts.name), anchor=False)
        st.markdown(describe_badges(facts))
    show_message()
    render_actions(facts, workspace)
    _render_figures_row(facts)
    open_asked_part(Key.MODELS_TAB, _TABS)
    facts_tab, figures, layers, card, onnx, share = st.tabs(_TABS, key=Key.MODELS_TAB, on_change="rerun")
    with facts_tab:
        render_facts(facts, workspace)
    with figures:
        if figures.open:
            render_figures(facts, workspace)
    with layers:
        if layers.open:
            render_layers(facts)
    with card:
        if card.open:
            render_card(facts)
    with onnx:
        if onnx.open:
            render_export(facts, workspace)
    with share:
        if share.open:
            render_share(facts, workspace)


def _render_figures_row(facts: ModelFacts) -> None:
    latency = "–" if facts.latency_ms is None else f"{facts.latency_ms:.1f} ms"
    where = escape_markdown(facts.latency_device) or "not measured; `fer evaluate --save` measures it"
    with st.container(horizontal=True, gap="small"):
        for label, value, hint in (
            (
                "Accuracy",
                describe_figure(facts, "accuracy"),
                "Share of the images that it classifies correctly.",
            ),
            (
                "Macro-F1",
                describe_figure(facts, "macro_f1"),
                "Mean over the classes of F1 (precision and recall combined); rare ones count as much.",
            ),
            (
                "Calibration",
                describe_figure(facts, "ece"),
                "Expected calibration error (ECE): the mean gap between confidence and accuracy; 0 is best.",
            ),
            (
                "Parameters",
                describe_parameters(facts.entry.info.num_parameters),
                "Number of trained weights.",
            ),
            ("Size", describe_size(facts.num_bytes), "Of the model file."),
            ("Latency", latency, f"Median time per detected face: {where}"),
        ):
            st.metric(label, value, help=hint, border=True, width=150)
    st.caption(describe_protocol(facts))
