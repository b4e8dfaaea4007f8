// Speech and what the voice appears to express, from samples that come in (fer_core.inference.live_voice).
import { computeLogMel } from "./log_mel.js";
import { toInput } from "./reading.js";

const RATE = 16000;
const FRAME = 512;
const CONTEXT = 64; // samples of before that the detector hears again
const FRAME_S = FRAME / RATE;
const [ON, OFF] = [0.5, 0.35];
const [MIN_SPEECH_S, MIN_PAUSE_S, MIN_LABELLED_S, EVERY_S] = [0.25, 0.3, 0.5, 0.5];

/** A window of sound as a model takes it. */
export const readPicture = (samples, { input }) => computeLogMel(samples, input.sound, input);

const join = (first, second) => {
  const all = new Float32Array(first.length + second.length);
  all.set(first);
  all.set(second, first.length);
  return all;
};

/** Silero's detector of speech. */
class Activity {
  constructor(ort, session) {
    Object.assign(this, { ort, session, rest: new Float32Array(0), before: new Float32Array(CONTEXT) });
    this.state = new ort.Tensor("float32", new Float32Array(256), [2, 1, 128]);
    this.rate = new ort.Tensor("int64", BigInt64Array.of(BigInt(RATE)), [1]);
  }

  /** A probability for each whole frame. */
  async feed(samples) {
    const all = join(this.rest, samples);
    const found = [];
    let start = 0;
    for (; start + FRAME <= all.length; start += FRAME) {
      const input = join(this.before, all.subarray(start, start + FRAME));
      this.before = input.slice(FRAME);
      const feed = { input: new this.ort.Tensor("float32", input, [1, input.length]), state: this.state, sr: this.rate };
      const { output, stateN } = await this.session.run(feed);
      this.state = stateN;
      found.push(output.data[0]);
    }
    this.rest = all.slice(start);
    return found;
  }
}

/** Hears a microphone; no more is held than the model hears at a time. */
export class Hearing {
  constructor(engine) {
    Object.assign(this, { engine, samples: new Float32Array(0), probabilities: null, readS: 0 });
    Object.assign(this, { isOn: false, numOn: 0, numOff: 0 });
  }

  async start(model) {
    const { ort } = this.engine;
    this.model = model;
    this.most = Math.trunc(model.input.sound.window_s * RATE);
    this.activity = new Activity(ort, await this.engine.open(model.speech));
    const session = await this.engine.open(model.file);
    this.read = async (samples) => {
      const { data, dims } = toInput([readPicture(samples, model)], model);
      const tensor = new ort.Tensor(model.uint8 ? "uint8" : "float32", data, dims);
      return (await session.run({ [session.inputNames[0]]: tensor }, ["probabilities"])).probabilities.data;
    };
    await this.read(new Float32Array(RATE)); // the first run is slow
  }

  /** Hear samples of which the last was taken at `endS`: { endS, sinceS, probabilities }, null where unknown. */
  async hear(samples, endS) {
    this.samples = join(this.samples, samples).slice(-this.most);
    for (const probability of await this.activity.feed(samples)) this.step(probability);
    const lengthS = (this.numOn + this.numOff) * FRAME_S;
    if (this.numOn * FRAME_S < MIN_SPEECH_S) this.probabilities = null;
    else if (this.isOn && this.numOn * FRAME_S >= MIN_LABELLED_S && !(this.probabilities && endS - this.readS < EVERY_S)) {
      this.probabilities = Array.from(await this.read(this.samples.slice(-Math.round(lengthS * RATE))));
      this.readS = endS;
    }
    const speaks = this.numOn * FRAME_S >= MIN_SPEECH_S;
    return { endS, sinceS: speaks ? endS - lengthS : null, probabilities: this.probabilities };
  }

  step(probability) {
    this.isOn = probability >= (this.isOn ? OFF : ON);
    if (this.isOn) {
      this.numOn += this.numOff + 1;
      this.numOff = 0;
    } else if (this.numOn && ++this.numOff * FRAME_S >= MIN_PAUSE_S) {
      this.numOn = this.numOff = 0;
    }
  }
}
