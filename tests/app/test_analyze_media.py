"""The Analyze media page without a browser: pictures."""

import dataclasses
import io
import json
import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from app.analyze_media import picture_choice, pictures
from app.analyze_media import picture_results as picture_view
from app.analyze_media.pictures import Picture, analyze_picture
from app.analyze_media.state import Key
from app.shared.session_cache import SessionCache
from app.shared.state import SharedKey
from fer_core.checkpoint import DEFAULT_CHECKPOINT, load_checkpoint_info, save_checkpoint_info
from fer_core.data.synthetic import draw_portrait
from fer_core.errors import MediaError
from fer_core.images import IMAGE_SUFFIXES
from fer_core.inference.overlay import OverlayStyle
from fer_core.inference.pipeline import build_pipeline, compute_rows, export_json
from fer_core.inference.predictor import load_predictor
from fer_core.palette import UNKNOWN_COLOR
from fer_core.results import RESULTS, encode_table
from fer_core.workspace import PROJECT_ROOT

PAGE = str(PROJECT_ROOT / "pages" / "analyze_media.py")


@pytest.fixture
def model(save_model):
    return save_model("first")


def _run(*uploads: tuple[str, bytes], **state) -> AppTest:
    page = AppTest.from_file(PAGE, default_timeout=60)
    for key, value in state.items():
        page.session_state[key] = value
    page.run()
    if uploads:
        page.file_uploader(key=Key.PICTURES).set_value([(*item, "image/png") for item in uploads]).run()
    return page


def _choose(page: AppTest, name: str) -> None:
    """Show the picture of this name."""
    names = [picture.name for picture in page.session_state[Key.KEPT_PICTURES]]
    page.button_group(key=Key.PICTURE).set_value(names.index(name)).run()
    assert not page.exception


def _texts(page: AppTest) -> str:
    return "\n".join(element.value for kind in (page.markdown, page.caption) for element in kind)


def _shown(page: AppTest) -> dict[str, Any]:
    """What the browser is given to draw."""
    (component,) = page.get("bidi_component")
    data: dict[str, Any] = json.loads(component.proto.json)
    return data


def _png(image: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, format="PNG")
    return buffer.getvalue()


def _save(folder, image: np.ndarray) -> Picture:
    (folder / "face.png").write_bytes(_png(image))
    return Picture("face.png", folder / "face.png", "")


def test_without_a_model_the_page_says_how_to_get_one(app_workspace):
    page = _run()
    assert not page.exception
    assert "No model on this machine yet" in _texts(page)
    assert "fer train" in _texts(page)


@pytest.mark.parametrize("name", ["analyze_media", "live_webcam"])
def test_a_newcomer_begins_with_the_default_model(name):
    page = AppTest.from_file(str(PROJECT_ROOT / "pages" / f"{name}.py"), default_timeout=60).run()
    assert not page.exception
    assert page.selectbox(key=SharedKey.MODEL).value == DEFAULT_CHECKPOINT


def test_with_nothing_uploaded_it_says_what_to_do(model):
    page = _run()
    assert not page.exception
    assert "Show the sample picture" in [item.label for item in page.button]
    assert "No video yet" in _texts(page)
    assert "sent nowhere" in _texts(page)


def test_pictures_stay_while_the_user_visits_another_page(model):
    first = _run(("me.png", _png(draw_portrait("happiness", np.random.default_rng(0), size=128))))
    kept = first.session_state[Key.KEPT_PICTURES]
    assert [picture.name for picture in kept] == ["me.png"]
    # Back from another page the dialog is empty; what the session holds is still there.
    page = _run(**{Key.KEPT_PICTURES: kept})
    assert not page.exception
    assert _shown(page)["name"] == "me.png"
    page.button(key="remove_picture").click().run()
    assert not page.exception
    assert not page.get("bidi_component")
    assert not page.session_state[Key.KEPT_PICTURES]


def test_pictures_are_added_to_those_there_are_and_removed(model, monkeypatch):
    def names() -> list[str]:
        return [picture.name for picture in page.session_state[Key.KEPT_PICTURES]]

    monkeypatch.setattr(picture_choice, "MAX_PICTURES", 3)
    files = [
        (f"{name}.png", _png(draw_portrait("happiness", np.random.default_rng(seed), size=128)), "image/png")
        for seed, name in enumerate("abcd")
    ]
    page = _run(*(file[:2] for file in files[:2]), show_sample=True)
    _choose(page, "b.png")
    page.file_uploader(key=Key.PICTURES).set_value(files[2:]).run()
    assert (names(), _shown(page)["name"]) == (["a.png", "b.png", "c.png"], "c.png")
    assert "1 were left out" in page.warning[0].value
    page.button(key="remove_picture").click().run()
    assert (names(), _shown(page)["name"]) == (["a.png", "b.png"], "sample.png")
    assert not page.warning
    page.button(key="remove_pictures").click().run()
    assert not page.exception
    assert not names() and not page.session_state[Key.SAMPLE] and not page.get("bidi_component")


def test_ten_reruns_hash_and_read_nothing_again(model, monkeypatch):
    hashed, read = [], []
    real_hash, real_analyze = picture_choice.sha256_file, pictures.analyze_picture
    monkeypatch.setattr(picture_choice, "sha256_file", lambda path: hashed.append(path) or real_hash(path))
    monkeypatch.setattr(pictures, "analyze_picture", lambda *args: read.append(args) or real_analyze(*args))
    faces = [_png(draw_portrait("happiness", np.random.default_rng(seed), size=128)) for seed in range(3)]
    page = _run(*((f"{number}.png", data) for number, data in enumerate(faces)))
    for click in range(10):
        page.slider(key=SharedKey.TOP_K).set_value(1 + click % 5).run()
    assert not page.exception
    assert (len(hashed), len(read)) == (3, 3)
    kept = page.session_state[Key.KEPT_PICTURES]
    assert [picture.path.read_bytes() for picture in kept] == faces


def test_the_sample_is_one_click_away(model):
    page = _run()
    next(item for item in page.button if item.label == "Show the sample picture").click().run()
    assert not page.exception
    assert not page.error
    (face,) = _shown(page)["faces"]
    (table,) = page.dataframe
    assert len(table.value) == 1
    shown = table.value.iloc[0]
    classes = load_predictor("first", _workspace()).info.classes
    assert sum(shown[name] for name in classes) == pytest.approx(1)
    assert {name: value for name, value, _ in face["bars"]} == pytest.approx(
        {name: shown[name] for name in classes}
    )
    assert "NASA" in _texts(page)
    assert page.code[0].value.startswith("fer predict sample.png --model=first/best --detector=")


def _workspace():
    from fer_core.workspace import Workspace

    return Workspace.default()


def test_sliders_draw_anew_without_computing_anew(model, monkeypatch):
    calls = []
    real = pictures.analyze_picture
    monkeypatch.setattr(pictures, "analyze_picture", lambda *args: calls.append(1) or real(*args))
    page = _run(show_sample=True)
    assert len(calls) == 1
    page.slider(key=SharedKey.TOP_K).set_value(5).run()
    page.slider(key=SharedKey.SURE_FROM).set_value(100).run()
    assert not page.exception
    assert len(calls) == 1
    (face,) = _shown(page)["faces"]
    assert (face["label"], {color for *_, color in face["bars"]}) == ("uncertain", {UNKNOWN_COLOR})
    assert _shown(page)["topK"] == 5
    page.selectbox(key=SharedKey.DETECTOR).set_value("whole-image").run()
    assert len(calls) == 2


def test_other_expected_shares_change_the_reading(model):
    folder = _workspace().run("first") / "best"
    info = load_checkpoint_info(folder)
    assert _run().selectbox(key=SharedKey.PRIOR).disabled, "the model does not say which shares it learnt"
    learned = {name: 0.65 if name == "neutral" else 0.05 for name in info.classes}
    save_checkpoint_info(folder, dataclasses.replace(info, data={"class_prior": learned}))
    page = _run(show_sample=True)
    before = page.dataframe[0].value.iloc[0]
    odds_before = before["fear"] / before["neutral"]
    gains = []
    for chosen in ("uniform", "halfway"):
        page.selectbox(key=SharedKey.PRIOR).set_value(chosen).run()
        assert not page.exception and not page.error
        after = page.dataframe[0].value.iloc[0]
        gains.append(math.log(after["fear"] / after["neutral"] / odds_before))
    # The temperature of the face's quality, which is 1 or more, divides both gains.
    assert gains[0] == pytest.approx(2 * gains[1], rel=1e-3)
    assert 0.5 * math.log(0.65 / 0.05) < gains[0] < math.log(0.65 / 0.05) * 1.001


def test_a_picture_without_a_face_says_so(model):
    page = _run(("grey.png", _png(np.full((200, 300, 3), 128, np.uint8))), detector="haar")
    assert not page.exception
    assert "No face was found" in _texts(page)
    assert "Whole picture" in _texts(page)
    assert not page.dataframe


def test_one_bad_file_is_named_and_hides_no_other(model):
    face = _png(draw_portrait("happiness", np.random.default_rng(0), size=160))
    page = _run(
        ("notes.png", b"this is text"), ("face.png", face), ("cut.png", face[:400]), detector="whole-image"
    )
    assert not page.exception
    messages = [item.value for item in page.error]
    assert len(messages) == 2
    assert "notes.png" in messages[0]
    assert "no picture that can be read" in messages[0]
    assert "cut.png" in messages[1]
    assert not page.get("bidi_component"), "the first is shown, and can't be read"
    _choose(page, "face.png")
    assert len(_shown(page)["faces"]) == 1


def test_a_bad_file_is_tried_once_and_named_again(model, monkeypatch):
    calls = []
    real = pictures.build_pipeline
    monkeypatch.setattr(pictures, "build_pipeline", lambda *args: calls.append(1) or real(*args))
    page = _run(("notes.png", b"this is text"))
    page.slider(key=SharedKey.TOP_K).set_value(5).run()
    assert len(calls) == 1
    (error,) = page.error
    assert "notes.png" in error.value


def test_a_heic_picture_and_a_tiff_of_floats_are_refused_with_the_way_out(model):
    """The dialog offers their endings, so that this is said instead of a red chip."""
    buffer = io.BytesIO()
    Image.fromarray(np.zeros((32, 32), np.float32)).save(buffer, format="TIFF")
    heic = b"\0\0\0\x18ftypheic" + bytes(100)
    page = _run(("IMG_0001.HEIC", heic), ("depth.tif", buffer.getvalue()))
    errors = " ".join(error.value for error in page.error)
    assert "save it as JPEG first" in errors and "8 or 16 bits" in errors
    assert {"heic", "heif", "tif", "tiff", "avif", "jp2", "pgm"} <= {
        suffix.lstrip(".") for suffix in IMAGE_SUFFIXES
    }


def test_of_an_animation_it_says_that_the_first_picture_is_read(model):
    buffer = io.BytesIO()
    frames = [Image.fromarray(draw_portrait("happiness", np.random.default_rng(n), size=160)) for n in (0, 1)]
    frames[0].save(buffer, "GIF", save_all=True, append_images=frames[1:])
    page = _run(("a.gif", buffer.getvalue()), detector="whole-image")
    assert not page.exception
    assert "first of its 2 pictures" in " ".join(item.value for item in page.info)


def test_a_huge_picture_is_refused_before_it_is_decoded(model):
    header = io.BytesIO()
    Image.new("1", (30_000, 30_000)).save(header, format="PNG")  # 110 KB of file, 2.7 GB of RGB
    page = _run(("huge.png", header.getvalue()))
    assert not page.exception
    (error,) = page.error
    assert "the file is too large" in error.value
    assert "64 megapixels" in error.value


def test_several_pictures_are_chosen_from(model):
    rng = np.random.default_rng(0)
    files = [(f"{name}.png", _png(draw_portrait(name, rng, size=120))) for name in ("happiness", "sadness")]
    page = _run(*files, detector="whole-image")
    assert not page.exception
    assert len(page.dataframe[0].value) == 2
    assert _shown(page)["name"] == "happiness.png"
    _choose(page, "sadness.png")
    assert _shown(page)["name"] == "sadness.png"


def test_a_damaged_model_is_a_message(model):
    weights = next(model.glob("*.safetensors"))
    weights.write_bytes(weights.read_bytes()[:-8] + b"damaged!")
    page = AppTest.from_file(str(PROJECT_ROOT / "app" / "Home.py"), default_timeout=60).run()
    page.switch_page(PAGE).run()
    next(item for item in page.button if item.label == "Show the sample picture").click().run()
    assert not page.exception
    assert any("SHA-256" in item.value for item in page.error)


def test_a_crowd_is_shown_as_a_whole(model, monkeypatch):
    from fer_core.types import FaceBox

    class Crowd:
        name = "haar"

        def detect(self, image_rgb):
            return [
                FaceBox(x=40 * (i % 6), y=50 * (i // 6), width=36, height=44, score=0.9) for i in range(15)
            ]

    real = pictures.build_pipeline

    def build(detector, predictor, workspace):
        pipeline = real(detector, predictor, workspace)
        pipeline.detector = Crowd()
        return pipeline

    monkeypatch.setattr(pictures, "build_pipeline", build)
    page = _run(("crowd.png", _png(np.full((240, 320, 3), 90, np.uint8))), detector="haar")
    assert not page.exception
    assert len(page.dataframe[0].value) == 15
    faces = _shown(page)["faces"]
    assert [face["number"] for face in faces] == [*range(1, 16)]
    assert faces[7]["box"] == [40, 50, 36, 44], (
        "in pixels of the picture, however it is scaled for the screen"
    )


def test_the_annotated_picture_has_the_size_of_its_own(model, tmp_path):
    image = draw_portrait("happiness", np.random.default_rng(0), size=800)
    picture = _save(tmp_path, image)
    pipeline = build_pipeline("whole-image", load_predictor("first", _workspace()), _workspace())
    result = analyze_picture(picture.path, pipeline)
    drawn = np.asarray(
        Image.open(io.BytesIO(picture_view._encode_annotated(picture, result, OverlayStyle())))
    )
    assert drawn.shape == image.shape
    assert (drawn != image).any()


def test_downloads_hold_every_face(model):
    pipeline = build_pipeline("whole-image", load_predictor("first", _workspace()), _workspace())
    image = draw_portrait("happiness", np.random.default_rng(0), size=160)
    analysis = pipeline.examine(image)
    (row,) = compute_rows(analysis.faces)
    document = json.loads(json.dumps(export_json([("face.png", analysis)])))
    (face,) = document["images"][0]["faces"]
    assert face["label"] == row["label"]
    assert list(face["probabilities"].values()) == sorted(face["probabilities"].values(), reverse=True)


@pytest.mark.parametrize("name", sorted(RESULTS))
def test_the_table_holds_every_picture_also_without_a_face(model, name, tmp_path):
    pipeline = build_pipeline("whole-image", load_predictor("first", _workspace()), _workspace())
    face = _save(tmp_path, draw_portrait("happiness", np.random.default_rng(0), size=160))
    found = analyze_picture(face.path, pipeline)
    nothing = dataclasses.replace(found, analysis=dataclasses.replace(found.analysis, faces=()))
    table = picture_view.tabulate([(dataclasses.replace(face, name="wall.png"), nothing), (face, found)])
    path = tmp_path / f"table.{name}"
    path.write_bytes(encode_table(table, name))
    rows = pd.read_csv(path) if name == "csv" else pd.read_parquet(path)
    assert list(rows.columns)[:3] == ["picture", "face", "num_faces"]
    assert rows["picture"].tolist() == ["wall.png", "face.png"]
    assert rows["num_faces"].tolist() == [0, 1]
    assert rows["label"].isna().tolist() == [True, False]
    if name == "csv":
        assert path.read_text().splitlines()[2].startswith('"face.png",1,1,'), "whole numbers stay such"


def test_a_bad_picture_raises_before_anything_is_kept(model, tmp_path):
    pipeline = build_pipeline("whole-image", load_predictor("first", _workspace()), _workspace())
    with pytest.raises(MediaError):
        analyze_picture(tmp_path / "none.png", pipeline)


def test_the_cache_forgets_what_was_not_used_for_longest():
    cache: SessionCache[int] = SessionCache(2)
    cache.put(("a",), 1)
    cache.put(("b",), 2)
    assert cache.get(("a",)) == 1
    cache.put(("c",), 3)
    assert ("b",) not in cache
    assert ("a",) in cache
    assert ("c",) in cache
