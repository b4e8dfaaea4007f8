"""One model: what it is, how well it reads, its layers, its card, and taking it away. Torch only if asked."""

from collections.abc import Callable
from typing import Final

import streamlit as st

from app.models.actions import render_actions
from app.models.benchmark import render_benchmark, time_first
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
    describe_latency,
    describe_parameters,
    describe_protocol,
    describe_size,
    show_message,
)
from app.shared.adaptation import render_adaptation
from app.shared.messages import describe_error, empty_state, error_boundary
from app.shared.tabs import render_tabs
from fer_core.checkpoint import find_listed_checkpoint
from fer_core.errors import CheckpointError
from fer_core.escaping import escape_markdown
from fer_core.exchange.facts import ModelFacts, ModelKind, build_facts
from fer_core.workspace import Workspace

TABS: Final[dict[str, Callable[[ModelFacts, Workspace], None]]] = {
    "Facts": render_facts,
    "By class": render_figures,
    "Layers": render_layers,
    "Model card": render_card,
    "ONNX": render_export,
    "Speed": render_benchmark,
    "Publish": render_share,
}


def render_view(key: str, workspace: Workspace) -> None:
    """Show the model called `key`, or say that there is none."""
    # No link: Streamlit leaves the address as it is where a link leads to the page that is open.
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
        empty_state(f"{escape_markdown(key)} can't be shown", describe_error(error), icon=":material/error:")
        return
    with st.container(gap="xsmall"):
        st.title(escape_markdown(facts.title), anchor=False)
        st.markdown(describe_badges(facts))
    show_message()
    render_actions(facts, workspace)
    _render_figures_row(facts, workspace)
    if facts.kind is ModelKind.TRAINED:
        with error_boundary():
            render_adaptation(facts.entry.folder.parent, workspace)
    for name, place in render_tabs(list(TABS), key=Key.MODELS_TAB):
        with place:
            TABS[name](facts, workspace)


def _render_figures_row(facts: ModelFacts, workspace: Workspace) -> None:
    latency = facts.latency
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
            ("Latency", describe_latency(facts), "Median time for one face, without detection."),
        ):
            st.metric(label, value, help=hint, border=True, width=150)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.caption(f"Figures: {describe_protocol(facts)}.")
        if latency is not None:
            st.caption(f"Latency: {escape_markdown(latency.describe())}.")
        else:
            st.button(
                "Time it on this machine",
                icon=":material/speed:",
                type="tertiary",
                key="models-time",
                on_click=time_first,
                args=(facts, workspace),
            )
