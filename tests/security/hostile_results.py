"""The dashboard's results under hostile names, a part per address: what a test serves in place of the app."""

import io
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import streamlit as st
from PIL import Image

from app.analyze_media import picture_choice, picture_results, video_results
from app.analyze_media.pictures import Picture, PictureResult
from app.compare_runs import findings, sources
from app.compare_runs.tabs import TABS
from app.explore_data import cleanup, embedding_map, images, overview
from app.explore_data.cleanup_data import open_audited
from app.explore_data.label_flow import build_flow
from app.live_webcam import readout
from app.shared.charts import STATIC_CONFIG
from app.shared.messages import error_boundary
from fer_core.data.decisions import load_decisions
from fer_core.data.flaws import find_flaws
from fer_core.data.store import load_dataset, write_dataset
from fer_core.data.suspected_labels import Suspect, note_suspects
from fer_core.data.synthetic import generate_schematic_faces
from fer_core.escaping import escape_markdown, quote_markdown
from fer_core.evaluation.comparison import Comparison, compare
from fer_core.evaluation.embedding_map import EmbeddingMap
from fer_core.evaluation.matrix_chart import build_matrix
from fer_core.evaluation.report import build_report
from fer_core.evaluation.stored_reports import StoredEvaluation
from fer_core.inference.face_table import create_table
from fer_core.inference.live import FaceReading
from fer_core.inference.live_stats import HistoryCurve
from fer_core.inference.overlay import OverlayStyle
from fer_core.inference.pipeline import ImageAnalysis
from fer_core.inference.timeline import compute_shares
from fer_core.inference.video_reader import probe_video
from fer_core.inference.video_summary import VideoSummary
from fer_core.provenance import Terms
from fer_core.types import FaceBox, FaceResult, Prediction
from fer_core.workspace import Workspace
from tests.unit.evaluation.makers import make_random, make_subject
from tests.unit.inference.videos import make_video

MARK = "hostile"
# In every hostile name, so that a page can be seen to show it. (Streamlit would show a docstring here.)


def list_names(address: str) -> tuple[str, ...]:
    """Names that load, link to or draw something where they are taken for Markdown or HTML."""
    return (
        f"![{MARK}]({address}/markdown.png)",
        f"<a href='{address}/link' class=evil>{MARK}</a>",
        f"<img src={address}/image.png class=evil> {MARK}",
        f"[{MARK}]({address}/words) :red[x] :material/skull: :streamlit: ~= x",
        f"`x`\n\n# {MARK} <b class=evil>bold</b> %{{x}} $x^2$",
        "label",
        "confidence",
        "x",
    )


NAMES = list_names(os.environ.get("HOSTILE_ADDRESS", "http://127.0.0.1:9"))
REPLACED = (
    ":material/skull:",
    "a :material_skull: b",
    ":streamlit:",
    "`:material/skull:` and `:skull:` :skull:",
    *(f"a {sign} b" for sign in ("<->", "->", "<-", "--", ">=", "<=", "~=")),
    "--",
    "~= -> ->",
    "1. one",
)
"""What Streamlit makes icons, signs and lists of, though signs of Markdown are escaped."""
CHANCES = (0.4, 0.2, 0.1, 0.1, 0.05, 0.05, 0.05, 0.05)


def _face(first: int = 0) -> FaceResult:
    box = FaceBox(x=10, y=10, width=40, height=40, score=0.9)
    return FaceResult(
        box=box, prediction=Prediction(NAMES, (*CHANCES[-first:], *CHANCES[:-first])), track_id=1
    )


def show_pictures(_workspace: Workspace) -> None:
    """The result of two pictures."""
    buffer = io.BytesIO()
    Image.new("RGB", (96, 96), "gray").save(buffer, "JPEG")
    jpeg = buffer.getvalue()
    faces = tuple(_face(first) for first in range(1, 4))
    analysis = ImageAnalysis(
        faces=faces,
        width_px=96,
        height_px=96,
        detector="haar",
        model=NAMES[0],
        classes=NAMES,
        timings_ms={"detect": 1.0, "classify": 1.0},
    )
    result = PictureResult(analysis, jpeg, 1.0, (jpeg,) * 3, note=NAMES[0])
    pictures = [Picture(f"{NAMES[0]}.png", Path("none"), digest) for digest in "ab"]
    results = [(picture, result) for picture in pictures]
    shown = picture_choice.choose_picture(pictures, results)
    picture_results.render_results(results, shown, OverlayStyle(), (f"--model={NAMES[0]}",))


@dataclass
class _Video:
    annotated: Path
    table: Path
    name: str = NAMES[0]

    def load_table(self) -> pd.DataFrame:
        return pd.read_parquet(self.table)


def show_video(workspace: Workspace) -> None:
    """The result of a video: headline and player."""
    workspace.root.mkdir(parents=True, exist_ok=True)
    path, table = workspace.root / "video.mp4", workspace.root / "faces.parquet"
    make_video(path, num_frames=4)
    with create_table(table, NAMES) as rows:
        for frame in range(4):
            rows.add(frame, frame / 10, [_face()])
    video = _Video(path, table)
    summary = VideoSummary(
        source=probe_video(path),
        num_frames=4,
        duration_s=0.4,
        num_faces=1,
        num_rows=4,
        mean_shares=compute_shares(video.load_table()).loc["all"].to_dict(),
        num_label_changes=0,
        seconds=1.0,
        was_cancelled=False,
        notes=NAMES,
    )
    video_results.render_result(video, summary)  # type: ignore[arg-type]


class _Session:
    def readings(self) -> list[FaceReading]:
        return [FaceReading(model=name, face=_face(), label=name) for name in NAMES[:2]]

    def history(self) -> list[HistoryCurve]:
        times = np.linspace(-1, 0, 3, dtype=np.float32)
        return [
            HistoryCurve(
                classes=NAMES, times_s=times, probabilities=np.tile(np.array(CHANCES, np.float32), (3, 1))
            )
        ] * 2


def show_live(_workspace: Workspace) -> None:
    """What stands beside the camera."""
    readout.render_reading(_Session(), NAMES[:2])  # type: ignore[arg-type]


def make_data(workspace: Workspace) -> None:
    """A data set with hostile classes and sources, copies and suspects."""
    faces = generate_schematic_faces(60, seed=3)
    pixels = faces.images.copy()
    pixels[45], pixels[32] = pixels[4], 77
    pixels[58] = np.clip(pixels[7] * 0.9 + 12, 0, 255).astype(np.uint8)
    labels = [NAMES[row % len(NAMES)] for row in range(60)]
    splits = ["train"] * 40 + ["valid"] * 10 + ["test"] * 10
    samples = pd.DataFrame({"split": splits, "label": labels, "source": NAMES[1], "image_name": NAMES[2]})
    folder = workspace.dataset("faces")
    facts = {"importer": NAMES[0], "source": NAMES[0], "terms": [Terms(source=NAMES[0], pictures=NAMES[1])]}
    write_dataset(folder, images=pixels, samples=samples, classes=NAMES, **facts)
    data = load_dataset(folder)
    find_flaws(data, workspace)
    suspects = [Suspect(row=row, source=f"{NAMES[row]}: {NAMES[0]}", suggestion=NAMES[1]) for row in range(5)]
    note_suspects(workspace, "faces", data.info.fingerprint, suspects)
    assert load_decisions(data, workspace) == {}


def show_overview(workspace: Workspace) -> None:
    """Facts and charts of the data set."""
    overview.render_facts("faces", workspace)
    overview.render_overview("faces", workspace)


def show_images(workspace: Workspace) -> None:
    """The gallery, with the details of an image."""
    st.session_state.setdefault("explore_row", 0)
    images.render_images("faces", workspace)


def _show_gallery(kind: str) -> None:
    st.session_state.setdefault("audit_kind", kind)
    cleanup.render("faces")


def make_comparison(workspace: Workspace) -> Comparison:
    """Three models with hostile names, scored on hostile classes."""
    stored = []
    for seed, key in enumerate(NAMES[:3]):
        data = make_random(160, seed=seed, classes=NAMES)
        words = {"dataset": NAMES[0], "split": NAMES[1], "protocol": NAMES[2]}
        subject = make_subject(model=key, num_parameters=1000 + seed, **words)
        stored.append(StoredEvaluation(key, build_report(data, subject, num_resamples=20), data))
    return compare(stored, workspace, num_resamples=50)


def show_comparison(workspace: Workspace) -> None:
    """The headline and all tabs at once, and the chart of a label flow and of a run."""
    comparison = make_comparison(workspace)
    findings.render_headline(comparison)
    for name, render in TABS.items():
        if name != "Robustness":  # asks for the models themselves
            with error_boundary():  # as on the page: no data set can have such a name, and that is told
                render(comparison, workspace)
    counts = pd.DataFrame(np.eye(len(NAMES), dtype=int) + 1, index=NAMES, columns=NAMES)
    st.plotly_chart(build_flow(counts), config=STATIC_CONFIG, key="flow")
    st.plotly_chart(build_matrix(counts.to_numpy(), NAMES), config=STATIC_CONFIG, key="run")


def show_map(workspace: Workspace) -> None:
    """The embedding map, coloured by class."""
    audited, rows = open_audited("faces", workspace), np.arange(60)
    predicted = tuple(NAMES[(row + 1) % len(NAMES)] for row in rows)
    points = np.random.default_rng(0).normal(size=(60, 2)).astype(np.float32)
    laid_out = EmbeddingMap(rows, points, predicted, (0.5, 0.2))
    embedding_map._render_points(audited, laid_out, set(NAMES), "Class", "k")


class _Crosscheck:
    title = NAMES[0]
    error = None

    def result(self) -> dict[str, object]:
        words = {"model": NAMES[0], "source": NAMES[1], "prior": NAMES[2], "protocol": NAMES[3]}
        row = {**words, "n": 10, "classes": ", ".join(NAMES), "accuracy": 0.5}
        bins = {"confidence": [0.2, 0.8], "accuracy": [0.3, 0.7], "n": [4, 6]}
        return {"rows": [row], "reliability": [bins], "failures": {NAMES[4]: NAMES[0]}}


def show_sources(_workspace: Workspace) -> None:
    """Models on data of other sources."""
    sources._render_result(_Crosscheck(), {})  # type: ignore[arg-type]


def show_replaced(_workspace: Workspace) -> None:
    """What Streamlit would replace, in each kind of place that reads Markdown."""
    for number, text in enumerate(REPLACED):
        shown = escape_markdown(text)
        with st.container(key=f"replaced-{number}"):
            st.markdown(shown)
            st.markdown(f"**{shown}**")
            st.markdown(quote_markdown(text))
            st.caption(shown)
            st.success(shown)
            st.checkbox(shown, key=f"checkbox-{number}")
            st.button(shown, key=f"button-{number}")


PARTS = {
    "pictures": show_pictures,
    "video": show_video,
    "live": show_live,
    "overview": show_overview,
    "images": show_images,
    "copies": lambda _workspace: _show_gallery("copies"),
    "near": lambda _workspace: _show_gallery("near"),
    "blank": lambda _workspace: _show_gallery("blank"),
    "errors": lambda _workspace: _show_gallery("errors"),
    "comparison": show_comparison,
    "map": show_map,
    "sources": show_sources,
}

if __name__ == "__main__":
    (PARTS | {"replaced": show_replaced})[st.query_params["part_shown"]](Workspace.default())
    st.markdown("the end")
