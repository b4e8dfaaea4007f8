"""How often it is known which face speaks, on clips composed of real faces whose mouths move or don't.

    python benchmarks/voice_speaker.py

Clips: a film of a person who talks, beside photos that shake, turn and grow as heads do, or beside nobody;
and photos alone, as under a voice from elsewhere. A voice is heard throughout, in windows of a second.
`right`: the face that talks is named, or none where none does; `wrong`: another is named; `unknown`: none is
named though one talks, so nothing is fused.
"""

import argparse
import itertools
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

from fer_core.inference.pipeline import build_stream
from fer_core.inference.predictor import load_predictor
from fer_core.inference.stream import FrameResult
from fer_core.inference.video import FILE_TEMPORAL, annotate_video, open_video
from fer_core.sound.activity import Stretch
from fer_core.sound.vocal import VocalTrack, VocalWindow
from fer_core.types import Prediction, UInt8Array
from fer_core.workspace import PROJECT_ROOT, Workspace

SHARED = PROJECT_ROOT.parent / "shared" / "media"
SIDE, FPS = 360, 25
SHAKE = {"still": 0.0, "calm": 0.5, "lively": 1.0}
"""How much a head of a photo moves: up to 4 % of the picture, 3° and 3 % of its size, at `lively`."""


def main(seconds: float = 9.0, model: str = "fer-tiny", num_cases: int = 99) -> None:
    talker = list(read_film(SHARED / "videos" / "justinshenk_woman2.mp4", seconds))
    silent = list(read_film(SHARED / "videos" / "pyfeat_single_face.mp4", seconds))
    photos = [SHARED / "photos" / f"faceapi_{name}.jpg" for name in ("angry", "happy", "sad", "surprised")]
    heads = {
        name: [move_photo(path, len(talker), amount, number) for number, path in enumerate(photos)]
        for name, amount in SHAKE.items()
    }
    cases: dict[str, tuple[Sequence[list[UInt8Array]], int | None]] = {
        "a talker alone": ([talker], 0),
        "a talker beside a calm head": ([talker, heads["calm"][0]], 0),
        "a lively head beside a talker": ([heads["lively"][1], talker], 1),
        "a talker among three calm heads": ([heads["calm"][0], talker, *heads["calm"][2:]], 1),
        "a voice over a film of a silent face": ([silent], None),
        "a voice over a calm head": ([heads["calm"][2]], None),
        "a voice over a lively head": ([heads["lively"][3]], None),
        "a voice over two calm heads": (heads["calm"][:2], None),
    }
    total: Counter[str] = Counter()
    for case, (parts, speaker) in itertools.islice(cases.items(), num_cases):
        counts = judge(parts, speaker, model)
        total.update(counts)
        print(f"{case:40} {dict(counts)}", flush=True)
    print(
        f"all: {total.total()} windows; {', '.join(f'{kind} {count}' for kind, count in total.most_common())}"
    )


def judge(
    parts: "Sequence[list[UInt8Array]]", speaker: int | None, model: str, window_s: float = 1.0
) -> Counter[str]:
    """Annotate the parts side by side; what is said of each window."""
    workspace = Workspace.default()
    num = min(map(len, parts))
    with tempfile.TemporaryDirectory(prefix="fer-speaker-") as folder:
        path = Path(folder) / "clip.mp4"
        write_film(path, [np.hstack([part[index] for part in parts]) for index in range(num)])
        heard = Prediction(("neutral", "happiness"), (0.5, 0.5))
        edges = np.arange(0, num / FPS - window_s + 0.01, window_s)
        windows = tuple(VocalWindow(float(edge), float(edge) + window_s, heard) for edge in edges)
        track = VocalTrack(num / FPS, (Stretch(0.0, num / FPS),), windows, heard.classes)
        stream = build_stream("yunet", load_predictor(model, workspace), workspace, FILE_TEMPORAL)
        results: list[FrameResult] = []
        table = Path(folder) / "faces.csv"
        annotate_video(
            path, None, stream, table=table, vocal=track, on_frame=lambda _, result: results.append(result)
        )
    counts: Counter[str] = Counter()
    for window in windows:
        inside = [result for result in results if window.start_s <= result.time_s < window.end_s]
        named = {name_part(result) for result in inside if result.voice is not None}
        named.discard(None)
        if not named:
            counts["right" if speaker is None else "unknown"] += 1
        else:
            counts["right" if named == {speaker} else "wrong"] += 1
    return counts


def name_part(result: FrameResult) -> int | None:
    """Which part of the clip shows the face that speaks."""
    assert result.voice is not None
    faces = [
        face
        for face in result.faces
        if result.voice.speaker is not None and face.track_id == result.voice.speaker
    ]
    return int(faces[0].box.center[0] // SIDE) if faces else None


def read_film(path: Path, seconds: float) -> Iterator[UInt8Array]:
    """Its frames at 25 a second, each a square around the middle."""
    wanted_s = 0.0
    with open_video(path) as reader:
        for frame in reader.frames():
            if frame.time_s + 1e-6 < wanted_s:
                continue
            wanted_s += 1 / FPS
            if wanted_s > seconds:
                return
            yield fit(frame.image_rgb)


def fit(image: UInt8Array) -> UInt8Array:
    """The middle square of a picture at the clip's size."""
    height, width = image.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    square = image[top : top + side, left : left + side]
    return cv2.resize(square, (SIDE, SIDE), interpolation=cv2.INTER_AREA)


def move_photo(path: Path, num: int, shake: float, seed: int) -> "list[UInt8Array]":
    """A photo that moves as a head does, with the noise of a camera."""
    image = fit(cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB))
    rng = np.random.default_rng(seed)
    times = np.arange(num) / FPS
    rates, phases = rng.uniform(0.2, 1.2, 4), rng.uniform(0, 6.28, 4)
    waves = np.sin(2 * np.pi * rates[:, None] * times + phases[:, None]) * shake
    frames = []
    for x, y, turn, size in waves.T:
        matrix = cv2.getRotationMatrix2D((SIDE / 2, SIDE / 2), 3 * turn, 1.05 + 0.03 * size)
        matrix[:, 2] += (0.04 * SIDE * x, 0.02 * SIDE * y)
        moved = cv2.warpAffine(image, matrix, (SIDE, SIDE), borderMode=cv2.BORDER_REPLICATE)
        frames.append(np.clip(moved + rng.normal(0, 2, moved.shape), 0, 255).astype(np.uint8))
    return frames


def write_film(path: Path, frames: "Sequence[UInt8Array]") -> None:
    """Encode as H.264."""
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=FPS, options={"crf": "20", "preset": "veryfast"})
        video.height, video.width, video.pix_fmt = *frames[0].shape[:2], "yuv420p"
        for number, image in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, FPS)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seconds", type=float, default=12.0)
    parser.add_argument("--model", default="fer-tiny")
    wanted = parser.parse_args()
    main(wanted.seconds, wanted.model)
