"""How the Analyze media page shows what was found on pictures."""

import io
import json
import shlex
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final

import numpy as np
import streamlit as st

from app.analyze_media.components.face_picture import ShownFace, ShownPicture, render_face_picture
from app.analyze_media.pictures import (
    Picture,
    PictureResult,
    Results,
    count_faces,
    encode_jpeg,
    load_sample,
    resize_preview,
)
from app.analyze_media.state import Key
from app.analyze_media.table_downloads import render_table_downloads
from app.shared.messages import empty_state, error_boundary
from app.shared.model_picker import detector_title
from app.shared.overlay_options import EXPECTED_HELP
from fer_core.escaping import escape_markdown
from fer_core.images import load_image
from fer_core.inference.detectors import DETECTORS
from fer_core.inference.overlay import OverlayStyle, describe_state, draw_overlay, is_uncertain, shown_label
from fer_core.inference.pipeline import FIXED_COLUMNS, NO_FACE, compute_rows, export_json
from fer_core.inference.sample import SAMPLE_CREDIT
from fer_core.palette import UNKNOWN_COLOR, emotion_color
from fer_core.results import name_columns
from fer_core.types import FaceResult, UInt8Array

if TYPE_CHECKING:
    import pandas as pd

_MAX_SHARP_PX: Final[int] = 8192
"""Longer side of a picture that is enlarged on the page; few browsers draw larger ones."""
_ROLL_HELP: Final[str] = (
    "Degrees by which the face is turned to the right (clockwise); below 0 to the left. It is read upright."
)
_YAW_HELP: Final[str] = "Degrees by which the face looks aside; empty where the detector can't tell."
_USABLE_HELP: Final[str] = "Whether the face is large, sharp, bright and frontal enough to be read."


def render_results(results: Results, shown: Picture, style: OverlayStyle, options: Sequence[str]) -> None:
    """Show one of the pictures, and the downloads and the table of all.

    Args:
        results: of every picture that could be read.
        shown: one of them; without a result, only the others are in the table.
        style: what is drawn.
        options: of `fer predict`, for the same in a terminal.
    """
    chosen = next((result for picture, result in results if picture.key == shown.key), None)
    if chosen is not None:
        _render_picture(shown, chosen, style)
        _render_work(shown, chosen)
    with st.container(horizontal=True):
        if chosen is not None:
            _offer_annotated(shown, chosen, style)
        _offer_tables(results)
        with st.popover("In a terminal", icon=":material/terminal:"):
            command = [
                "fer",
                "predict",
                *(picture.name for picture, _ in results),
                *options,
                "--table=faces.csv",
            ]
            st.code(shlex.join(command), language="bash", wrap_lines=True)
    if any(item.analysis.faces for _, item in results):
        _render_table(results)


@st.fragment
def _render_picture(picture: Picture, result: PictureResult, style: OverlayStyle) -> None:
    """The picture with its faces. Reruns by itself when it is enlarged: all its pixels are sent then."""

    def ask_for_pixels() -> None:
        st.session_state[Key.SHARP] = (picture.key, b"")

    with error_boundary():
        analysis = result.analysis
        faces = tuple(
            describe_face(number, face, thumbnail, style)
            for number, (face, thumbnail) in enumerate(
                zip(analysis.faces, result.thumbnails_jpeg, strict=True), start=1
            )
        )
        shown, hint = (st.container(), None) if faces else st.columns([2, 1])
        with shown:
            render_face_picture(
                ShownPicture(
                    key=picture.key,
                    name=picture.name,
                    size_px=(analysis.width_px, analysis.height_px),
                    preview_jpeg=result.preview_jpeg,
                    preview_width_px=round(analysis.width_px * result.scale),
                    sharp_jpeg=_load_pixels(picture),
                    faces=faces,
                ),
                top_k=style.top_k,
                key="face_picture",
                on_enlarged=ask_for_pixels,
            )
        if hint is not None:
            with hint:
                empty_state(
                    "No face was found",
                    DETECTORS[analysis.detector].no_face_hint,
                    icon=":material/face_retouching_off:",
                )


def _load_pixels(picture: Picture) -> bytes | None:
    """A JPEG with all pixels of a picture that is enlarged on the page; None if it is not, or never was."""
    key, jpeg = st.session_state.get(Key.SHARP, (None, b""))
    if key != picture.key:
        return None
    if not jpeg:
        jpeg = encode_jpeg(_limit(load_image(picture.path)))
        st.session_state[Key.SHARP] = (key, jpeg)
    return bytes(jpeg)


def describe_face(number: int, face: FaceResult, thumbnail_jpeg: bytes, style: OverlayStyle) -> ShownFace:
    """A face as the page shows it; an uncertain one is grey."""
    label, is_grey = shown_label(face, style.sure_from), is_uncertain(face, style.sure_from)
    facts = [describe_state(face).capitalize()]
    if face.expected_correctness is not None:
        facts.append(f"Labels of such faces are right in {100 * face.expected_correctness:.0f} %")

    def color(name: str) -> str:
        return UNKNOWN_COLOR if is_grey else emotion_color(name)

    return ShownFace(
        number=number,
        label=label,
        color=color(label),
        bars=tuple((name, value, color(name)) for name, value in face.prediction.ranked()),
        box=(face.box.x, face.box.y, face.box.width, face.box.height),
        thumbnail_jpeg=thumbnail_jpeg,
        facts=tuple(filter(None, facts)),
    )


def _limit(image_rgb: UInt8Array) -> UInt8Array:
    import cv2

    height, width = image_rgb.shape[:2]
    factor = _MAX_SHARP_PX / max(height, width)
    if factor >= 1:
        return image_rgb
    size = (round(width * factor), round(height * factor))
    return np.asarray(cv2.resize(image_rgb, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _render_work(picture: Picture, result: PictureResult) -> None:
    analysis, times = result.analysis, result.analysis.timings_ms
    st.caption(
        f"{escape_markdown(picture.name)} · {analysis.width_px:,} × {analysis.height_px:,} px · "
        f"{count_faces(result)} · {detector_title(analysis.detector)} {times['detect']:.0f} ms · "
        f"classification {times['classify']:.0f} ms"
        + (f" · {SAMPLE_CREDIT}" if picture == load_sample() else "")
    )
    if result.note:
        st.info(escape_markdown(result.note), icon=":material/info:")


def _offer_annotated(picture: Picture, result: PictureResult, style: OverlayStyle) -> None:
    if result.analysis.faces:
        st.download_button(
            "Annotated picture (PNG)",
            partial(_encode_annotated, picture, result, style),
            file_name=f"{_stem(picture.name)}-annotated.png",
            mime="image/png",
            on_click="ignore",
            icon=":material/download:",
        )


def _scaled(face: FaceResult, factor: float) -> FaceResult:
    return replace(face, box=face.box.scaled(factor))


def _encode_annotated(picture: Picture, result: PictureResult, style: OverlayStyle) -> bytes:
    """The annotated picture in its own size; a small one in the preview's, where the writing can be read."""
    image_rgb, scale = load_image(picture.path), 1.0
    if result.scale > 1:
        image_rgb, scale = resize_preview(image_rgb), result.scale
    return _encode_png(
        draw_overlay(image_rgb, [_scaled(face, scale) for face in result.analysis.faces], style)
    )


def _encode_png(image_rgb: UInt8Array) -> bytes:
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(image_rgb).save(buffer, format="PNG")
    return buffer.getvalue()


def tabulate(results: Results) -> "pd.DataFrame":
    """The table of all pictures that can be downloaded: as `fer predict --table` writes it."""
    import pandas as pd

    rows = [
        {"picture": picture.name, **row}
        for picture, result in results
        for row in compute_rows(result.analysis.faces) or [NO_FACE]
    ]
    columns = ["picture", *FIXED_COLUMNS, *name_columns(results[0][1].analysis.classes)]
    return pd.DataFrame(rows, columns=columns).astype({"face": "Int64"})


def _offer_tables(results: Results) -> None:
    if not any(result.analysis.faces for _, result in results):
        return
    render_table_downloads(lambda: tabulate(results), "faces")
    document = export_json([(picture.name, result.analysis) for picture, result in results])
    st.download_button(
        "Everything (JSON)",
        json.dumps(document, indent=2),
        file_name="faces.json",
        mime="application/json",
        on_click="ignore",
        icon=":material/download:",
    )


def _render_table(results: Results) -> None:
    classes = name_columns(results[0][1].analysis.classes)
    percent = {
        name: st.column_config.NumberColumn(name, format="percent") for name in ("confidence", *classes)
    }
    with st.expander("All faces in a table", icon=":material/table:"):
        st.dataframe(
            tabulate(results),
            hide_index=True,
            placeholder="–",  # of a picture without a face
            column_order=[
                *(["picture"] if len(results) > 1 else []),
                *("face", "label", "confidence", "expected_correctness", *classes),
                *("usable", "height_px", "sharpness", "brightness", "roll", "yaw", "pitch"),
            ],
            column_config={
                **percent,
                "expected_correctness": st.column_config.NumberColumn(
                    "expected right", format="percent", help=EXPECTED_HELP
                ),
                "usable": st.column_config.CheckboxColumn("usable", help=_USABLE_HELP),
                "height_px": st.column_config.NumberColumn("height", format="%.0f px"),
                "sharpness": st.column_config.NumberColumn("sharpness", format="%.2f"),
                "brightness": st.column_config.NumberColumn("brightness", format="%.0f", help="0 to 255"),
                "roll": st.column_config.NumberColumn("turned", format="%.0f°", help=_ROLL_HELP),
                "yaw": st.column_config.NumberColumn("looks right", format="%.0f°", help=_YAW_HELP),
                "pitch": st.column_config.NumberColumn("looks up", format="%.0f°", help=_YAW_HELP),
            },
            alt="Every picture and face with its apparent expression and the probability of each class",
        )


def _stem(name: str) -> str:
    return name.rsplit(".", 1)[0] or "picture"
