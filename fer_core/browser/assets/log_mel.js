// From sound to the picture that a model of voices takes: its log-mel spectrogram (fer_core.log_mel).
import { makeImage } from "./raster.js";

const MOST_GAIN_DB = 40;
const ACTIVE_SHARE = 0.01;
const LEAST_POWER = 1e-12;
const prepared = new Map();

const toMel = (hz) => 2595 * Math.log10(1 + hz / 700);
const toHz = (mel) => 700 * (10 ** (mel / 2595) - 1);
const decibels = (power) => 10 * Math.log10(Math.max(power, LEAST_POWER));

/** Window, triangles and twiddles of a kind of picture, computed once. */
function prepare(spec) {
  const key = JSON.stringify(spec);
  if (prepared.has(key)) return prepared.get(key);
  const { frame, num_bands: numBands, sample_rate: rate, low_hz: lowHz, high_hz: highHz } = spec;
  const size = 2 ** Math.ceil(Math.log2(frame));
  const window = Float64Array.from({ length: frame }, (_, at) => 0.5 - 0.5 * Math.cos((2 * Math.PI * at) / frame));
  const sum = window.reduce((total, value) => total + value, 0);
  const squares = window.reduce((total, value) => total + value * value, 0);
  const scale = 2 / sum / Math.sqrt((squares / sum ** 2) * size);
  const edge = (at) => toHz(toMel(lowHz) + ((toMel(highHz) - toMel(lowHz)) * at) / (numBands + 1));
  const bands = Array.from({ length: numBands }, (_, band) => {
    const [left, peak, right] = [edge(band), edge(band + 1), edge(band + 2)];
    const shares = [];
    for (let at = 0; at <= size / 2; at++) {
      const hz = (at * rate) / size;
      const share = Math.min((hz - left) / (peak - left), (right - hz) / (right - peak));
      if (share > 0) shares.push([at, share]);
    }
    return shares;
  });
  const found = { size, window: window.map((value) => value * scale), bands, turns: listTurns(size) };
  prepared.set(key, found);
  return found;
}

function listTurns(size) {
  const angle = (at) => (-2 * Math.PI * at) / size;
  const half = { length: size / 2 };
  return [Float64Array.from(half, (_, at) => Math.cos(angle(at))), Float64Array.from(half, (_, at) => Math.sin(angle(at)))];
}

/** A fast Fourier transform in place; the length is a power of two. */
function transform(real, imaginary, [cosines, sines]) {
  const size = real.length;
  for (let at = 1, turned = 0; at < size; at++) {
    let bit = size >> 1;
    for (; turned & bit; bit >>= 1) turned ^= bit;
    turned ^= bit;
    if (at < turned) {
      [real[at], real[turned]] = [real[turned], real[at]];
      [imaginary[at], imaginary[turned]] = [imaginary[turned], imaginary[at]];
    }
  }
  for (let length = 2; length <= size; length *= 2) {
    const [half, step] = [length / 2, size / length];
    for (let start = 0; start < size; start += length) {
      for (let at = 0; at < half; at++) {
        const [cos, sin] = [cosines[at * step], sines[at * step]];
        const [first, second] = [start + at, start + at + half];
        const x = real[second] * cos - imaginary[second] * sin;
        const y = real[second] * sin + imaginary[second] * cos;
        real[second] = real[first] - x;
        imaginary[second] = imaginary[first] - y;
        real[first] += x;
        imaginary[first] += y;
      }
    }
  }
}

/** Decibels that bring the frames that are not silent to the wanted level. */
function findGain(powers, levelDb) {
  const least = ACTIVE_SHARE * Math.max(...powers);
  const active = powers.filter((power) => power >= least);
  const mean = active.reduce((sum, power) => sum + power, 0) / active.length;
  return Math.min(levelDb - decibels(mean), MOST_GAIN_DB);
}

/** The grey picture of at most a window of samples in [-1, 1]; silence follows a shorter stretch. */
export function computeLogMel(samples, spec, { width, height }) {
  const { hop, frame, level_db: levelDb, floor_db: floorDb } = spec;
  const { size, window, bands, turns } = prepare(spec);
  const padded = new Float64Array(width * hop + frame - hop);
  padded.set(samples.subarray(0, width * hop), Math.trunc((frame - hop) / 2)); // columns are centred on their hop
  const [real, imaginary, levels] = [new Float64Array(size), new Float64Array(size), new Float64Array(width * height)];
  const powers = Array.from({ length: width }, (_, column) => {
    real.fill(0);
    imaginary.fill(0);
    let power = 0;
    for (let at = 0; at < frame; at++) {
      const value = padded[column * hop + at];
      power += value * value;
      real[at] = value * window[at];
    }
    transform(real, imaginary, turns);
    bands.forEach((shares, band) => {
      let sum = 0;
      for (const [at, share] of shares) sum += share * (real[at] ** 2 + imaginary[at] ** 2);
      levels[(height - 1 - band) * width + column] = decibels(sum);
    });
    return power / frame;
  });
  const gain = findGain(powers, levelDb);
  const out = makeImage(width, height, 1);
  levels.forEach((level, at) => {
    out.data[at] = Math.round(255 * Math.min(Math.max(1 + (level + gain) / floorDb, 0), 1));
  });
  return out;
}
