"""How soon a live microphone's speech is told and read, and what that costs, on one core.

    OMP_NUM_THREADS=1 python benchmarks/voice_live.py --model my-voice
    OMP_NUM_THREADS=1 python benchmarks/voice_live.py --model my-voice --browser

Made speech (as in the tests) of 3 s after pauses of 2 s, in pieces of 20 ms, as a browser sends them to the
server, or of 128 ms, as the page's own worker gets them (there in Node.js, with onnxruntime-web). `after`:
from when speech begins until the piece has been heard with which it is told. The way of the sound to there
comes on top: some 50 to 150 ms over WebRTC, next to nothing within a browser.
"""

import argparse
import dataclasses
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from fer_core.browser.modules import ASSETS
from fer_core.browser.runtime import require_runtime
from fer_core.inference.frames import RgbFrame
from fer_core.inference.live_voice import LiveVoice
from fer_core.inference.mouths import MouthWatcher
from fer_core.inference.sample import load_sample
from fer_core.sound.activity import SAMPLE_RATE, find_network
from fer_core.sound.vocal import VoiceModel
from fer_core.types import FaceBox, FaceResult, Float32Array, Prediction
from fer_core.workspace import PROJECT_ROOT, Workspace

sys.path.insert(0, str(PROJECT_ROOT))
from tests.node import find_node
from tests.unit.sound.voices import Loudness, speak

PAUSE_S, SPEECH_S = 2.0, 3.0
SCRIPT = """
import fs from "node:fs"; import url from "node:url"; import zlib from "node:zlib";
const [, , folder, assets, runtime, binary] = process.argv;
const ort = await import(url.pathToFileURL(runtime));
Object.assign(ort.env.wasm, { numThreads: 1, wasmBinary: zlib.gunzipSync(fs.readFileSync(binary)) });
const { Hearing } = await import(url.pathToFileURL(`${assets}/hearing.js`));
const model = JSON.parse(fs.readFileSync(`${folder}/model.json`));
const samples = new Float32Array(new Uint8Array(fs.readFileSync(`${folder}/sound.bin`)).buffer);
const hearing = new Hearing({ ort, open: (file) => ort.InferenceSession.create(fs.readFileSync(file)) });
await hearing.start(model);
const [heard, before] = [[], process.cpuUsage()];
for (let at = 0; at < samples.length; at += 2048) {
  const endS = Math.min(at + 2048, samples.length) / 16000;
  const { sinceS, probabilities } = await hearing.hear(samples.slice(at, at + 2048), endS);
  heard.push([endS, sinceS !== null, probabilities !== null]);
}
const { user, system } = process.cpuUsage(before);
fs.writeFileSync(`${folder}/heard.json`, JSON.stringify({ heard, seconds: (user + system) / 1e6 }));
"""

Told = list[tuple[float, bool, bool]]
"""Seconds, whether somebody speaks, whether that is read."""


def main(model: str | None = None, num: int = 12, *, browser: bool = False) -> None:
    pause = np.zeros(round(PAUSE_S * SAMPLE_RATE), np.float32)
    parts = [part for seed in range(num) for part in (pause, speak(SPEECH_S, seed=seed))]
    sound = np.concatenate([*parts, pause])
    if browser:
        told, seconds = hear_in_node(sound, str(model))
    else:
        told, seconds = hear(sound, load_model(model))
        print(f"mouths: {1e3 * time_mouths():.2f} ms a face and frame")
    print_delays(told, num)
    print(f"{1e3 * seconds / (len(sound) / SAMPLE_RATE):.1f} CPU ms a second of sound, most of it speech")


def load_model(name: str | None) -> VoiceModel:
    """The named model; one that measures loudness, if none is."""
    if name is None:
        return Loudness()
    from fer_core.voice import load_voice_model

    return load_voice_model(name)


def hear(sound: Float32Array, model: VoiceModel) -> tuple[Told, float]:
    """What is told after each piece, and the CPU seconds of it all."""
    now_s, told, step = 0.0, list[tuple[float, bool, bool]](), SAMPLE_RATE // 50
    ears = LiveVoice(model, lambda: now_s)
    begun = time.process_time()
    for start in range(0, len(sound), step):
        now_s = min(start + step, len(sound)) / SAMPLE_RATE
        ears.hear(sound[start : start + step], now_s)
        heard = ears.heard()
        assert heard is not None
        told.append((now_s, heard.since_s is not None, heard.prediction is not None))
    return told, time.process_time() - begun


def hear_in_node(sound: Float32Array, model: str) -> tuple[Told, float]:
    """The same by the page's scripts."""
    from fer_core.checkpoint import find_checkpoint
    from fer_core.inference.predictor import find_export
    from fer_core.onnx_file import load_onnx_info

    workspace = Workspace.default()
    entry = find_checkpoint(model, workspace)
    file, runtime = find_export(entry, workspace).path, require_runtime(workspace)
    facts: dict[str, Any] = {"input": dataclasses.asdict(entry.info.input), "speech": str(find_network())}
    facts |= {"file": str(file), "uint8": load_onnx_info(file).uint8_input}
    with tempfile.TemporaryDirectory(prefix="fer-live-voice-") as name:
        folder = Path(name)
        (folder / "model.json").write_text(json.dumps(facts))
        (folder / "sound.bin").write_bytes(sound.tobytes())
        (folder / "run.mjs").write_text(SCRIPT)
        parts = [folder / "run.mjs", folder, ASSETS, runtime.script, runtime.binary_gz]
        subprocess.run([*find_node(), *map(str, parts)], check=True)
        found = json.loads((folder / "heard.json").read_text())
    return [tuple(item) for item in found["heard"]], found["seconds"]


def time_mouths(num: int = 100) -> float:
    """Seconds to compare a face with itself."""
    watcher, frame = MouthWatcher(), RgbFrame(load_sample())
    box = FaceBox(x=165, y=40, width=110, height=145, score=1.0)
    face = FaceResult(box=box, prediction=Prediction(("a", "b"), (0.5, 0.5)), track_id=1)
    watcher.look(frame, [face])
    begun = time.process_time()
    for _ in range(num):
        watcher.look(frame, [face])
    return (time.process_time() - begun) / num


def print_delays(told: Told, num: int) -> None:
    """From when each speech begins and ends until it is told."""
    for title, place, is_end in (("speech is told", 1, 0), ("it is read", 2, 0), ("its end is told", 1, 1)):
        delays = []
        for index in range(num):
            begin_s = index * (PAUSE_S + SPEECH_S) + PAUSE_S
            wanted_s = begin_s + SPEECH_S * is_end
            later = (time_s for time_s, *facts in told if time_s > wanted_s and facts[place - 1] != is_end)
            delays.append(next(later) - wanted_s)
        print(f"{title:16} after {np.median(delays):.2f} s in the middle, {max(delays):.2f} s at most")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--model")
    parser.add_argument("--browser", action="store_true")
    wanted = parser.parse_args()
    main(wanted.model, browser=wanted.browser)
