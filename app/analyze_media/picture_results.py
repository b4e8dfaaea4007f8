"""How the Analyze media page shows what was found on pictures."""

import io
import json
import math
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Final

import streamlit as st

from app.analyze_media.pictures import Picture, PictureResult, resize_preview
from app.analyze_media.state import Key
from app.analyze_media.table_downloads import render_table_downloads
from app.shared.charts import STATIC_CONFIG, build_probability_bars, describe_prediction
from app.shared.messages import empty_state
from app.shared.model_picker import detector_title
from fer_core.escaping import escape_markdown
from fer_core.images import load_image
from fer_core.inference.detectors import DETECTORS
from fer_core.inference.overlay import UNCERTAIN, OverlayStyle, describe_turn, draw_overlay, shown_label
from fer_core.inference.pipeline import FIXED_COLUMNS, NO_FACE, compute_rows, export_json
from fer_core.results import name_columns
from fer_core.types import FaceResult, UInt8Array

if TYPE_CHECKING:
    import pandas as pd

FACES_PER_PAGE: Final[int] = 4
_MAX_SHOWN_HEIGHT_PX: Final[int] = 720

_ROLL_HELP: Final[str] = (
    "Degrees by which the face is turned to the right (clockwise); below 0 to the left. It is read upright."
)

Results = Sequence[tuple[Picture, PictureResult]]


def render_results(results: Results, style: OverlayStyle) -> None:
    """Show one of the pictures, a choice where there are several, and the downloads of all."""
    index = _choose_picture(results)
    picture, result = results[index]
    shown, faces = st.columns([3, 2], gap="large")
    with shown:
        _render_picture(picture, result, style)
    with faces:
        _render_faces(result, style)
    if any(item.analysis.faces for _, item in results):
        _render_table(results)


def _choose_picture(results: Results) -> int:
    if len(results) == 1:
        return 0
    if st.session_state.get(Key.PICTURE, 0) >= len(results):
        del st.session_state[Key.PICTURE]

    def describe(index: int) -> str:
        picture, result = results[index]
        return f"{index + 1} · {picture.name} ({_count_faces(result)})"

    chosen: int = st.selectbox(
        f"Picture ({len(results)})", range(len(results)), format_func=describe, key=Key.PICTURE
    )
    return chosen


def _count_faces(result: PictureResult) -> str:
    num_faces = len(result.analysis.faces)
    return f"{num_faces or 'no'} face{'' if num_faces == 1 else 's'}"


def _render_picture(picture: Picture, result: PictureResult, style: OverlayStyle) -> None:
    analysis = result.analysis
    preview = draw_overlay(
        load_image(result.preview_jpeg),
        [_scaled(face, result.scale) for face in analysis.faces],
        style,
    )
    height, width = preview.shape[:2]
    is_tall = height > width
    st.image(
        preview,
        width=round(_MAX_SHOWN_HEIGHT_PX * width / height) if is_tall else "stretch",
        output_format="JPEG",
        alt=f"{picture.name} with {_count_faces(result)} marked",
    )
    times = analysis.timings_ms
    st.caption(
        f"{escape_markdown(picture.name)} · {analysis.width_px:,} × {analysis.height_px:,} px · "
        f"{_count_faces(result)} · {detector_title(analysis.detector)} {times['detect']:.0f} ms · "
        f"classification {times['classify']:.0f} ms"
    )
    if result.note:
        st.info(escape_markdown(result.note), icon=":material/info:")
    if analysis.faces:
        st.download_button(
            "Annotated picture (PNG)",
            partial(_encode_annotated, picture, result, style),
            file_name=f"{_stem(picture.name)}-annotated.png",
            mime="image/png",
            on_click="ignore",
            icon=":material/download:",
        )


def _scaled(face: FaceResult, factor: float) -> FaceResult:
    return FaceResult(box=face.box.scaled(factor), prediction=face.prediction)


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


def _render_faces(result: PictureResult, style: OverlayStyle) -> None:
    faces = result.analysis.faces
    st.subheader(_count_faces(result).capitalize(), anchor=False)
    if not faces:
        empty_state(
            "No face was found",
            DETECTORS[result.analysis.detector].no_face_hint,
            icon=":material/face_retouching_off:",
        )
        return
    num_pages = math.ceil(len(faces) / FACES_PER_PAGE)
    first = 0
    if num_pages > 1:
        if st.session_state.get(Key.FACE_PAGE, 1) > num_pages:
            del st.session_state[Key.FACE_PAGE]
        first = (st.pagination(num_pages, key=Key.FACE_PAGE) - 1) * FACES_PER_PAGE
    for index in range(first, min(first + FACES_PER_PAGE, len(faces))):
        _render_face(index + 1, faces[index], result.thumbnails_jpeg[index], style)


def _render_face(number: int, face: FaceResult, thumbnail_jpeg: bytes, style: OverlayStyle) -> None:
    prediction = face.prediction
    label, turn = shown_label(face, style.uncertain_below), describe_turn(face.box.roll)
    with st.container(border=True, gap="small"):
        crop, bars = st.columns([1, 3], gap="small", vertical_alignment="center")
        with crop:
            st.image(thumbnail_jpeg, width=112, alt=f"Face {number}")
        with bars:
            title = f"#{number} {escape_markdown(label)}"
            st.markdown(f"**{title}** · {100 * prediction.confidence:.0f} %{turn and f' · {turn}'}")
            st.plotly_chart(
                build_probability_bars(prediction, uncertain=label == UNCERTAIN),
                config=STATIC_CONFIG,
                key=f"bars-{number}",
                alt=describe_prediction(prediction),
            )


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


def _render_table(results: Results) -> None:
    table = tabulate(results)
    classes = name_columns(results[0][1].analysis.classes)
    st.subheader("All faces", anchor=False)
    percent = {
        name: st.column_config.NumberColumn(name, format="percent") for name in ("confidence", *classes)
    }
    st.dataframe(
        table,
        hide_index=True,
        placeholder="–",  # of a picture without a face
        column_order=[
            *(["picture"] if len(results) > 1 else []),
            "face",
            "label",
            "confidence",
            *classes,
            "roll",
        ],
        column_config={
            **percent,
            "roll": st.column_config.NumberColumn("turned", format="%.0f°", help=_ROLL_HELP),
        },
        alt="Every picture and face with its apparent expression and the probability of each class",
    )
    with st.container(horizontal=True):
        render_table_downloads(lambda: table, "faces")
        document = export_json([(picture.name, result.analysis) for picture, result in results])
        st.download_button(
            "Everything (JSON)",
            json.dumps(document, indent=2),
            file_name="faces.json",
            mime="application/json",
            on_click="ignore",
            icon=":material/download:",
        )


def _stem(name: str) -> str:
    return name.rsplit(".", 1)[0] or "picture"
