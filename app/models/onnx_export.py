"""A model as ONNX: what was exported and how it was checked, and exporting it in the background."""

import shlex
from functools import lru_cache
from pathlib import Path

import streamlit as st

from app.models.wording import describe_size
from app.shared.background import render_dismiss, render_task
from app.shared.messages import empty_state, error_boundary
from app.shared.navigation import MODELS
from fer_core.escaping import escape_markdown, quote_markdown
from fer_core.exchange.facts import ModelFacts
from fer_core.export.code import Snippet, build_snippets
from fer_core.export.formats import EXPORTS
from fer_core.exported import ExportRecord, find_exports
from fer_core.jobs.tasks import BackgroundTask, start_task
from fer_core.onnx_file import load_onnx_info
from fer_core.workspace import Workspace


def render_export(facts: ModelFacts, workspace: Workspace) -> None:
    """The files with their checks, then the form that makes another."""
    with error_boundary():
        info = facts.entry.info
        records = find_exports(facts.entry.folder, workspace, weights_sha256=info.weights_sha256)
        for record in records:
            _render_record(record)
        if not facts.has_weights:
            st.caption("This model came as an ONNX file alone; other formats need its weights.")
        else:
            if not records:
                _explain()
            _render_form(facts, workspace)


def _explain() -> None:
    empty_state(
        "Not exported yet",
        "An ONNX file runs anywhere onnxruntime does, without torch or this program, and carries its "
        "classes, preprocessing and calibration inside. Each is compared with torch on real faces before it "
        "is kept.",
        icon=":material/deployed_code:",
    )


def _render_record(record: ExportRecord) -> None:
    parity = record.parity
    difference = f"{parity.max_probability_difference:.2g}"
    extras = [
        text
        for flag, text in ((record.embedding, "embedding"), (record.uint8_input, "raw pixels in"))
        if flag
    ]
    with st.container(border=True, gap="small"):
        st.markdown(
            f"**{quote_markdown(record.path.name)}** · {describe_size(record.num_bytes)} · "
            + escape_markdown(record.precision)
            + "".join(f" · {text}" for text in extras)
        )
        if parity.num_images:
            st.markdown(
                f":green-badge[:material/verified: checked] on {parity.num_images:,} faces of "
                f"{escape_markdown(f'{parity.dataset} {parity.split}')}: **{parity.label_agreement:.1%}** of "
                f"the labels are torch's, probabilities differ by up to {difference}, "
                f"accuracy {parity.accuracy:.2%} (torch {parity.accuracy_torch:.2%}, "
                f"{escape_markdown(parity.protocol)})"
            )
        else:
            st.markdown(
                ":orange-badge[:material/help: not compared] It came without the weights that it could be "
                "compared with; it was tried on one picture only."
            )
        st.download_button(
            "Download",
            record.path.read_bytes,
            file_name=f"{record.path.parent.name}-{record.path.name}",
            mime="application/octet-stream",
            icon=":material/download:",
            on_click="ignore",
            key=f"models-onnx-{record.path.name}",
        )
        _render_code(record)


def _render_code(record: ExportRecord) -> None:
    with st.expander("Code: Python, JavaScript, C++", icon=":material/code:"), error_boundary():
        snippets = _write_code(record.path, record.path.stat().st_mtime_ns)
        for tab, snippet in zip(
            st.tabs([escape_markdown(item.title) for item in snippets]), snippets, strict=True
        ):
            tab.code(snippet.code, language=snippet.language)


@lru_cache(maxsize=16)
def _write_code(path: Path, _changed_ns: int) -> list[Snippet]:
    return build_snippets(load_onnx_info(path))


def _render_form(facts: ModelFacts, workspace: Workspace) -> None:
    st.markdown("##### Export to ONNX")
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        chosen = (
            st.segmented_control(
                "Format", list(EXPORTS), default="fp32", required=True, key="models-onnx-format"
            )
            or "fp32"
        )
        embedding = st.toggle(
            "Also the embedding",
            key="models-onnx-embedding",
            help="A third output: the embedding, which is the input of the classifier.",
        )
        uint8_input = st.toggle(
            "Preprocessing inside",
            key="models-onnx-uint8",
            help="The file takes raw pixels (uint8) and normalises them itself.",
        )
    st.caption(escape_markdown(f"{chosen}: {EXPORTS[chosen].summary}."))
    options = ["--format", chosen]
    options += ["--embedding"] * embedding + ["--uint8-input"] * uint8_input
    st.code(shlex.join(["fer", "export", facts.name, *options]), language="bash")
    about = {"model": facts.entry.key, "weights": facts.entry.info.weights_sha256}
    task = render_task(workspace, "export", about, on_result=lambda task: _render_message(task, workspace))
    if st.button(
        "Export and check",
        type="primary",
        icon=":material/deployed_code:",
        key="models-onnx-export",
        disabled=task is not None and task.is_active,
        help="Continues in the background when you leave this page.",
    ):
        start_task(
            workspace,
            kind="export",
            title=f"Export {facts.title} ({chosen})",
            command=["export", facts.entry.key, *options],
            page=MODELS.address(model=facts.key, tab="ONNX"),
            facts=about,
        )
        st.rerun()


def _render_message(task: BackgroundTask, workspace: Workspace) -> None:
    result = task.result() or {}
    agreement = f"{result.get('label_agreement', 0):.1%} of the labels are torch's"
    st.success(
        f"{quote_markdown(str(result.get('file')))} is written: {agreement}.", icon=":material/check_circle:"
    )
    render_dismiss(workspace, task)
