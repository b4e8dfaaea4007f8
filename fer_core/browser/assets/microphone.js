// The microphone, where its user asked for it: what is heard, and whose face speaks. Nothing is sent or stored.
import { Analyst } from "./analyst.js";
import { argMax } from "./draw.js";
import { locate } from "./files.js";
import { make } from "./faces.js";
import { findSpeaker } from "./mouths.js";

const RATE = 16000;
const STALE_S = 1;
const LEAST_FRAMES = 5;
const MOST_WAITING = 16; // pieces of sound, two seconds; a machine that is slower skips some
const [WEIGHT, MIN_SHARED, LEAST] = [0.3, 0.5, 1e-6];
const REFUSALS = {
  NotAllowedError: "The browser refused the microphone. Allow it in the address bar, then start again.",
  NotFoundError: "No microphone was found. Connect one, or do without, then start again.",
  NotReadableError: "Another program uses the microphone. Close it there, then start again.",
};

const total = (values) => values.reduce((sum, value) => sum + value, 0);

/** What face and voice express together, in the face's classes; null where nothing is fused (fer_core.inference.fusion). */
export function fuse(face, faceClasses, voice, voiceClasses, learned) {
  const names = voiceClasses.map(({ name }) => name);
  const pairs = faceClasses.map(({ name }, at) => [at, names.indexOf(name)]).filter(([, at]) => at >= 0);
  const heard = pairs.map(([, at]) => voice[at]);
  if (pairs.length < 2 || total(heard) < MIN_SHARED) return null;
  const expected = pairs.map(([, at]) => learned?.[at] ?? 1);
  const found = Array.from(face);
  pairs.forEach(([at], place) => {
    const share = Math.max(expected[place] / total(expected), LEAST);
    found[at] *= (Math.max(heard[place] / total(heard), LEAST) / share) ** WEIGHT;
  });
  return found.map((value) => value / total(found));
}

/** What is heard on a frame, from what was heard until then and the frames since somebody speaks. */
export class Listener {
  constructor(voice) {
    Object.assign(this, { voice, heard: null, frames: [] });
  }

  look(faces, timeS, faceClasses) {
    const { heard, voice } = this;
    if (!heard || timeS - heard.endS > STALE_S) return null;
    if (heard.sinceS === null) {
      this.frames = [];
      return { isSpeech: false };
    }
    this.frames.push({ timeS, faces });
    const beginS = Math.max(heard.sinceS, timeS - voice.input.sound.window_s);
    while (this.frames.length > 1 && this.frames[0].timeS < beginS) this.frames.shift();
    const { probabilities } = heard;
    const isReady = probabilities && this.frames.length >= LEAST_FRAMES;
    const speaker = isReady ? findSpeaker(this.frames.map((frame) => frame.faces)) : null;
    const face = faces.find(({ id }) => id === speaker);
    if (!face) return { isSpeech: true, probabilities };
    const fused = fuse(face.readings[0].probabilities, faceClasses, probabilities, voice.classes, voice.learned);
    return { isSpeech: true, probabilities, speaker, fused };
  }
}

/** An open microphone. */
export class Microphone extends Listener {
  /** Ask the user's browser for it; ask for consent before. */
  static async open(config, voice) {
    const mine = new Microphone(voice);
    try {
      mine.stream = await navigator.mediaDevices.getUserMedia({ audio: { channelCount: 1 } });
    } catch (error) {
      throw new Error(REFUSALS[error.name] ?? `The microphone can't be used: ${error.message}`);
    }
    try {
      await mine.begin(config);
    } catch (error) {
      mine.close();
      throw error;
    }
    return mine;
  }

  async begin(config) {
    this.analyst = new Analyst(config); // its own worker: frames don't wait for sound, nor sound for frames
    await this.analyst.ready;
    await this.analyst.ask("listen", { voice: this.voice });
    this.context = new AudioContext({ sampleRate: RATE });
    await this.context.audioWorklet.addModule(locate(config.tap));
    const tap = new AudioWorkletNode(this.context, "tap", { numberOfOutputs: 0, channelCount: 1, channelCountMode: "explicit" });
    this.numWaiting = 0;
    tap.port.onmessage = ({ data }) => this.take(data);
    this.context.createMediaStreamSource(this.stream).connect(tap);
    await this.context.resume();
  }

  async take(samples) {
    if (this.numWaiting >= MOST_WAITING) return;
    this.numWaiting++;
    try {
      this.heard = await this.analyst.ask("hear", { samples, endS: performance.now() / 1000 }, [samples.buffer]);
    } catch {
      // The worker is gone, and so is the microphone.
    } finally {
      this.numWaiting--;
    }
  }

  close() {
    this.stream.getTracks().forEach((track) => track.stop());
    this.context?.close();
    this.analyst?.close();
    this.heard = null;
  }
}

const describe = (values, classes) => ({ ...classes[argMax(values)], share: `${Math.round(100 * Math.max(...values))} %` });

/** What is said of a voice: a line for the picture's corner and an entry beside it, each with its colour. */
export function listLines(heard, { classes }, faceClasses) {
  if (!heard?.isSpeech) return [];
  if (!heard.probabilities) return [{ title: "Voice", name: "…", share: "somebody speaks", color: "#6c6f75" }];
  const lines = [{ title: "Voice", ...describe(heard.probabilities, classes) }];
  if (heard.fused) lines.push({ title: `Face #${heard.speaker} and voice`, ...describe(heard.fused, faceClasses) });
  return lines;
}

/** Say beside the picture what is heard. */
export function showVoice(place, heard, lines) {
  const silent = { title: "Voice", name: "–", share: heard ? "nobody speaks" : "no sound comes" };
  const shown = lines.length ? lines : [silent];
  place.replaceChildren(
    ...shown.map(({ title, name, share }) =>
      make("div", { className: "reading" }, make("span", { className: "small", text: title }), make("strong", { text: name }), make("span", { text: share })),
    ),
  );
}
