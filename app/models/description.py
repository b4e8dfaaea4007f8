"""What a model's description says: classes, preprocessing, training, origin."""

import html
from collections.abc import Mapping
from typing import Final

import streamlit as st

from app.shared.model_picker import describe_input
from app.shared.navigation import TRAIN
from app.shared.terms import render_use
from fer_core.checkpoint import InputKind, InputSpec
from fer_core.errors import ConfigError
from fer_core.escaping import escape_markdown
from fer_core.exchange.facts import ModelFacts, ModelKind
from fer_core.words import count
from fer_core.workspace import Workspace

_WORDS: Final[dict[InputKind, str]] = {"image": "face", "sound": "voice"}
_GRID: Final[str] = "display:grid;grid-template-columns:8.5rem 1fr;gap:.35rem 1rem;margin:0;padding:0"


def render_facts(facts: ModelFacts, workspace: Workspace) -> None:
    """Classes, preprocessing and lineage, each explained."""
    info = facts.entry.info
    reads, made = st.columns(2, gap="large")
    with reads:
        st.markdown("##### What it reads")
        st.markdown(
            " ".join(f":gray-badge[{escape_markdown(name)}]" for name in info.classes)
            + f"\n\nThe **apparent expression** of one {_WORDS[info.input.kind]}, in this order."
        )
        st.markdown(f"##### How a {_WORDS[info.input.kind]} is prepared")
        spec = info.input
        _render_table(
            {
                "input": f"{describe_input(spec)}, one {_WORDS[spec.kind]}",
                **_describe_preparation(spec),
                "values": "(pixel / 255 − mean) / std",
                "mean": ", ".join(f"{value:.4f}" for value in spec.mean),
                "std": ", ".join(f"{value:.4f}" for value in spec.std),
                "temperature": f"{info.temperature:.4f}: the raw scores (logits) are divided by it, so that "
                "a confidence of 80 % means right in 80 % of the cases",
            }
        )
    with made:
        st.markdown("##### Where it comes from")
        _render_table(_describe_origin(facts))
        _render_run_link(facts, workspace)
        render_use(facts.terms)
        st.markdown("##### Network")
        arguments = ", ".join(f"{key} = {value}" for key, value in info.arguments.items())
        _render_table(
            {
                "architecture": info.architecture,
                "settings": arguments or "defaults",
                "parameters": f"{info.num_parameters:,}",
                "weights": f"SHA-256 {info.weights_sha256[:16]}…",
                "folder": str(facts.entry.folder),
            }
        )


def _describe_preparation(spec: InputSpec) -> dict[str, str]:
    """How the pixels are made."""
    sound = spec.sound
    if sound is None:
        return {
            "crop": f"a square, {spec.framing.side_per_height:g} × the height of the face's box, moved "
            f"up by {100 * spec.framing.shift_up:g} %"
        }
    return {
        "loudness": f"brought to {sound.level_db:g} dB of full scale",
        "spectrogram": f"{sound.num_bands} mel bands from {sound.low_hz:g} to {sound.high_hz:g} Hz, "
        f"{sound.num_frames} columns, {sound.floor_db:g} dB from black to white",
    }


def _describe_origin(facts: ModelFacts) -> dict[str, str]:
    info = facts.entry.info
    data, origin = info.data, info.origin
    images = data.get("num_train_images")
    fingerprint = str(data.get("fingerprint") or "")
    return {
        "trained on": str(data.get("name") or "not stated")
        + (f", {count(images, 'image')}" if isinstance(images, int) else ""),
        "data fingerprint": f"{fingerprint[:16]}…" if fingerprint else "",
        "label mode": str(data.get("label_mode") or ""),
        "run": facts.title if facts.kind is ModelKind.TRAINED else facts.run,
        "epoch": str(origin.get("epoch") or ""),
        "imported": f"{origin['imported']} from {origin.get('imported_from', '')}"
        if origin.get("imported")
        else "",
    }


def _render_run_link(facts: ModelFacts, workspace: Workspace) -> None:
    try:
        is_here = bool(facts.run) and workspace.run(facts.run).is_dir()
    except ConfigError:  # a third party's model may name anything
        is_here = False
    if is_here:
        st.page_link(
            TRAIN.build(),
            label="See how it learned",
            icon=":material/timeline:",
            query_params={"run": facts.run},
        )


def _render_table(rows: Mapping[str, str]) -> None:
    """Names and values in two columns; empty values are left out. A Markdown table would need a header."""
    lines = [
        f'<dt style="opacity:.65;margin:0;padding:0">{html.escape(name)}</dt>'
        f'<dd style="margin:0;padding:0;overflow-wrap:anywhere">{html.escape(value)}</dd>'
        for name, value in rows.items()
        if value
    ]
    st.html(f'<dl style="{_GRID}">{"".join(lines)}</dl>')
