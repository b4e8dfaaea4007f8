// What a model says of a face: quality, expected shares, smoothing (face_quality, class_prior, smoothing).
import { faceHeight } from "./boxes.js";
import { makeImage, resizeArea, toGrey } from "./raster.js";

const GRID_PX = 48;
const RIM_PX = GRID_PX / 8;
const NOISE = 2;
const GOOD = { small: ["heightPx", 64], blurred: ["sharpness", 0.6], dark: ["brightness", 96], flat: ["contrast", 32] };
const ANGLES = { turned: ["yaw", 30, 45], tilted: ["pitch", 15, 25] };
const LIMITS = { small: 20, blurred: 0.2, dark: 24, flat: 6 };
const [MOST_HALVINGS, MOST_UNITS] = [3, 4];
const TINY = 1e-6;
const SMALLEST_SHARE = 1e-4;
const LEAST_SMOOTHING_S = 0.3; // with less smoothing single frames show, so all faces of all frames are read
const FLAWS = {
  small: "small",
  blurred: "blurred",
  dark: "dark",
  flat: "low contrast",
  turned: "turned away",
  tilted: "looking up or down",
};

function spread(values) {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const variance = values.reduce((sum, value) => sum + value * value, 0) / values.length - mean * mean;
  return [mean, Math.sqrt(Math.max(0, variance))];
}

/** How well a face can be read; `crop` is what the model sees of it. */
export function measureQuality(crop, box) {
  let grey = toGrey(crop);
  if (grey.width !== GRID_PX || grey.height !== GRID_PX) grey = resizeArea(grey, GRID_PX, GRID_PX);
  const [pixels, edges] = [[], []];
  const { data } = grey;
  for (let y = RIM_PX; y < GRID_PX - RIM_PX; y++) {
    for (let x = RIM_PX; x < GRID_PX - RIM_PX; x++) {
      const at = y * GRID_PX + x;
      pixels.push(data[at]);
      edges.push(data[at - 1] + data[at + 1] + data[at - GRID_PX] + data[at + GRID_PX] - 4 * data[at]);
    }
  }
  const [brightness, contrast] = spread(pixels);
  const [, detail] = spread(edges);
  const sharpness = detail / (contrast + NOISE);
  return { heightPx: faceHeight(box), sharpness, brightness, contrast, yaw: box.yaw, pitch: box.pitch };
}

/** What makes a face unusable, in words; empty where it can be read. */
export function findFlaws(quality) {
  const short = Object.keys(LIMITS).filter((name) => quality[GOOD[name][0]] < LIMITS[name]);
  const turned = Object.keys(ANGLES).filter((name) => {
    const [field, , most] = ANGLES[name];
    return quality[field] !== null && Math.abs(quality[field]) > most;
  });
  return [...short, ...turned].map((name) => FLAWS[name]);
}

function weigh(weights, quality) {
  let sum = 0;
  for (const [name, [field, good]] of Object.entries(GOOD)) {
    sum += weights[name] * Math.min(Math.max(Math.log2(good / Math.max(quality[field], TINY)), 0), MOST_HALVINGS);
  }
  for (const [name, [field, unit]] of Object.entries(ANGLES)) {
    if (quality[field] !== null) sum += weights[name] * Math.min((quality[field] / unit) ** 2, MOST_UNITS);
  }
  return sum;
}

function normalise(values) {
  const sum = values.reduce((total, value) => total + value, 0);
  return values.map((value) => value / sum);
}

/** Divide the logits of a face that is hard to read by a temperature above 1. */
export function soften(probabilities, quality, coefficients) {
  const power = Math.exp(-weigh(coefficients.softening, quality));
  return normalise(Array.from(probabilities, (value) => Math.max(value, 1e-30) ** power)).map(Math.fround);
}

/** The share of such faces whose label is right. */
export function expectCorrect(probabilities, quality, coefficients) {
  const limited = probabilities.map((value) => Math.min(Math.max(value, TINY), 1 - TINY));
  const [first, second] = limited.sort((a, b) => b - a);
  const { log_odds, log_ratio, intercept, burden } = coefficients;
  const odds = log_odds * Math.log(first / (1 - first)) + log_ratio * Math.log(first / second);
  return 1 / (1 + Math.exp(-(intercept + odds - weigh(burden, quality))));
}

/** What turns a model's probabilities into those under other expected shares. */
export function buildAdjustment(model, prior) {
  const { learned, general, temperature } = model;
  if (prior === "training" || !learned || (prior === "general" && !general)) return (row) => Array.from(row);
  const floor = learned.map((share) => Math.max(share, SMALLEST_SHARE));
  if (prior === "general") {
    const shift = floor.map((share) => general.prior_strength * Math.log(share));
    return (row) => {
      const logits = Array.from(row, (value, at) => {
        const logit = Math.log(Math.min(Math.max(value, 1e-30), 1)) * temperature;
        return (logit - shift[at]) / general.temperature;
      });
      const most = Math.max(...logits);
      return normalise(logits.map((logit) => Math.exp(logit - most))).map(Math.fround);
    };
  }
  const expected = normalise(floor.map((share) => (prior === "halfway" ? Math.sqrt(share) : 1)));
  return (row) => normalise(Array.from(row, (value, at) => (value * expected[at]) / floor[at])).map(Math.fround);
}

/** Standardised planes of crops for a model: N x C x height x width, or bytes N x height x width x C. */
export function toInput(crops, { input, uint8 }) {
  const channels = input.color === "gray" ? 1 : 3;
  const size = input.width * input.height;
  const dims = uint8
    ? [crops.length, input.height, input.width, channels]
    : [crops.length, channels, input.height, input.width];
  const data = new (uint8 ? Uint8Array : Float32Array)(crops.length * size * channels);
  const means = input.mean.map((value) => Math.fround(value * 255));
  const scales = input.std.map((value) => Math.fround(1 / (value * 255)));
  crops.forEach((crop, number) => {
    const start = number * size * channels;
    if (uint8) data.set(crop.data, start);
    else {
      for (let channel = 0; channel < channels; channel++) {
        for (let at = 0; at < size; at++) {
          const shifted = Math.fround(crop.data[at * channels + channel] - means[channel]);
          data[start + channel * size + at] = shifted * scales[channel];
        }
      }
    }
  });
  return { data, dims };
}

/** An exponential moving average of each face's probabilities, whatever the frame rate. */
export class Smoother {
  constructor() {
    this.states = new Map();
  }

  update(id, probabilities, timeS, constantS) {
    const state = this.states.get(id);
    let [values, time] = [probabilities, timeS];
    if (state) {
      const weight = constantS > 0 ? -Math.expm1(-Math.max(0, timeS - state.timeS) / constantS) : 1;
      values = state.values.map((value, at) => value + weight * (probabilities[at] - value));
      time = Math.max(timeS, state.timeS);
    }
    this.states.set(id, { values, timeS: time });
    return values;
  }

  current(id) {
    return this.states.get(id)?.values ?? null;
  }

  keepOnly(ids) {
    for (const id of this.states.keys()) if (!ids.has(id)) this.states.delete(id);
  }

  reset() {
    this.states.clear();
  }
}

/** One model on the faces of a stream. `run` takes crops and returns a row of probabilities each. */
export class Reader {
  constructor(model, run, coefficients) {
    Object.assign(this, { model, run, coefficients, smoother: new Smoother(), qualities: new Map(), raw: new Map() });
    this.setPrior("general");
  }

  setPrior(prior) {
    if (prior === this.prior) return;
    this.prior = prior;
    this.adjust = buildAdjustment(this.model, prior);
    this.reset();
  }

  reset() {
    this.smoother.reset();
    this.qualities.clear();
    this.raw.clear();
  }

  /** What the model says of crops, unsmoothed: [{ probabilities, quality }]. */
  async read(crops, boxes) {
    return this.settle(crops.length ? await this.run(crops) : [], crops, boxes);
  }

  settle(rows, crops, boxes) {
    return rows.map((row, at) => {
      if (!row.every(Number.isFinite)) throw new Error(`${this.model.name} answers with something else than numbers`);
      const quality = measureQuality(crops[at], boxes[at]);
      return { quality, probabilities: soften(this.adjust(row), quality, this.coefficients) };
    });
  }

  judge(probabilities, quality) {
    const expected = quality ? expectCorrect([...probabilities], quality, this.coefficients) : null;
    return { probabilities, expected, quality, flaws: quality ? findFlaws(quality) : [] };
  }

  /** A row of probabilities for each face; at most `most` are classified anew, those that waited longest. */
  async classify(ids, crops, timeS, most) {
    const waited = (at) => this.raw.get(ids[at])?.timeS ?? -1;
    const order = [...ids.keys()].sort((a, b) => waited(a) - waited(b));
    const chosen = order.filter((at, place) => place < most || waited(at) < 0);
    const rows = chosen.length ? await this.run(chosen.map((at) => crops[at])) : [];
    chosen.forEach((at, place) => this.raw.set(ids[at], { row: rows[place], timeS }));
    return ids.map((id) => this.raw.get(id).row);
  }

  /** The smoothed answers for tracked faces; null for one of which nothing is known yet. */
  async follow(tracked, crops, knownIds, timeS, { smoothingS, mostRead }) {
    this.smoother.keepOnly(knownIds);
    for (const known of [this.qualities, this.raw]) {
      for (const id of known.keys()) if (!knownIds.has(id)) known.delete(id);
    }
    const current = tracked.filter((face) => face.isCurrent);
    const ids = current.map(({ id }) => id);
    const most = smoothingS >= LEAST_SMOOTHING_S ? mostRead : Infinity;
    const rows = await this.classify(ids, crops, timeS, most);
    const readings = this.settle(
      rows,
      crops,
      current.map(({ box }) => box),
    );
    current.forEach(({ id }, at) => {
      this.smoother.update(id, readings[at].probabilities, timeS, smoothingS);
      this.qualities.set(id, readings[at].quality);
    });
    return tracked.map(({ id }) => {
      const shown = this.smoother.current(id);
      return shown && this.judge(shown, this.qualities.get(id));
    });
  }
}

/** An empty crop's picture, for warming a model up. */
export function blankCrop({ width, height, color }) {
  return makeImage(width, height, color === "gray" ? 1 : 3);
}
