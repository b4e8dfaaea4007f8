// How much the mouths of followed faces move, beside their heads, and who speaks (fer_core.inference.mouths, voices).
import { centerOf, faceHeight, squareAround } from "./boxes.js";
import { extractSquare, toGrey } from "./raster.js";

const SIDE_PX = 64;
const EYES = { top: 12, bottom: 36, left: 12, right: 52 };
const MOUTH = { top: 40, bottom: 62, left: 16, right: 48 };
const FACE = { top: 12, bottom: 62, left: 10, right: 54 };
const [COLUMNS, ROWS] = [EYES.right - EYES.left, EYES.bottom - EYES.top];
const MAX_SHIFT_PX = 4;
const [PRESENT, MOVES, MOVES_ALONE, STANDS_OUT] = [0.8, 0.045, 0.035, 2];

const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;

function* walk({ top, bottom, left, right }) {
  for (let y = top; y < bottom; y++) for (let x = left; x < right; x++) yield y * SIDE_PX + x;
}

const turnsOf = (length) =>
  Array.from({ length }, (_, at) => [Math.cos((2 * Math.PI * at) / length), Math.sin((2 * Math.PI * at) / length)]);
const [ACROSS, DOWN] = [turnsOf(COLUMNS), turnsOf(ROWS)];

/** A Fourier transform of ROWS x COLUMNS complex numbers, forth (-1) or back (1), unscaled. */
function transform([real, imaginary], sign) {
  const along = (from, to, number, length, stepOut, step, turns) => {
    for (let line = 0; line < number; line++) {
      for (let place = 0; place < length; place++) {
        let [x, y] = [0, 0];
        for (let at = 0; at < length; at++) {
          const [cos, sin] = turns[(place * at) % length];
          const index = line * stepOut + at * step;
          x += from[0][index] * cos - sign * from[1][index] * sin;
          y += sign * from[0][index] * sin + from[1][index] * cos;
        }
        to[0][line * stepOut + place * step] = x;
        to[1][line * stepOut + place * step] = y;
      }
    }
    return to;
  };
  const empty = () => [new Float64Array(ROWS * COLUMNS), new Float64Array(ROWS * COLUMNS)];
  const rows = along([real, imaginary], empty(), ROWS, COLUMNS, COLUMNS, 1, ACROSS);
  return along(rows, empty(), COLUMNS, ROWS, 1, COLUMNS, DOWN);
}

/** The eyes under a Hann window. */
function listEyes(picture) {
  const values = new Float64Array(ROWS * COLUMNS);
  const hann = (at, length) => 0.5 * (1 - Math.cos((2 * Math.PI * at) / (length - 1)));
  for (let y = 0; y < ROWS; y++) {
    for (let x = 0; x < COLUMNS; x++) {
      const pixel = picture[(EYES.top + y) * SIDE_PX + EYES.left + x];
      values[y * COLUMNS + x] = pixel * Math.sqrt(hann(x, COLUMNS) * hann(y, ROWS));
    }
  }
  return transform([values, new Float64Array(values.length)], -1);
}

/** By how much the eyes have moved, in pixels: phase correlation, to parts of a pixel (cv2.phaseCorrelate). */
export function findShift(before, after) {
  const [[a, b], [c, d]] = [listEyes(before), listEyes(after)];
  const [real, imaginary] = [new Float64Array(a.length), new Float64Array(a.length)];
  for (let at = 0; at < a.length; at++) {
    const [x, y] = [a[at] * c[at] + b[at] * d[at], b[at] * c[at] - a[at] * d[at]];
    const size = Math.hypot(x, y) || 1;
    [real[at], imaginary[at]] = [x / size, y / size];
  }
  const [peaks] = transform([real, imaginary], 1);
  const best = peaks.reduce((most, value, at) => (value > peaks[most] ? at : most), 0);
  const wrap = (place, length) => (place >= length / 2 ? place - length : place);
  let [sum, x, y] = [0, 0, 0];
  for (let down = -2; down <= 2; down++) {
    for (let across = -2; across <= 2; across++) {
      const row = (Math.trunc(best / COLUMNS) + down + ROWS) % ROWS;
      const column = ((best % COLUMNS) + across + COLUMNS) % COLUMNS;
      const value = peaks[row * COLUMNS + column];
      sum += value;
      x += value * (wrap(best % COLUMNS, COLUMNS) + across);
      y += value * (wrap(Math.trunc(best / COLUMNS), ROWS) + down);
    }
  }
  return [-x / sum, -y / sum];
}

/** A picture moved by parts of a pixel; what comes in from outside is its rim. */
function move(picture, [shiftX, shiftY]) {
  const out = new Float32Array(picture.length);
  const clip = (place) => Math.min(Math.max(place, 0), SIDE_PX - 1);
  for (let y = 0; y < SIDE_PX; y++) {
    for (let x = 0; x < SIDE_PX; x++) {
      const [left, top] = [Math.floor(x - shiftX), Math.floor(y - shiftY)];
      const [across, down] = [x - shiftX - left, y - shiftY - top];
      const at = (row, column) => picture[clip(row) * SIDE_PX + clip(column)];
      const above = at(top, left) * (1 - across) + at(top, left + 1) * across;
      out[y * SIDE_PX + x] = above * (1 - down) + (at(top + 1, left) * (1 - across) + at(top + 1, left + 1) * across) * down;
    }
  }
  return out;
}

/** How much the mouth has changed over the face's contrast, less the eyes; null where the faces don't fit. */
function compare(before, after) {
  const shift = findShift(before, after);
  if (Math.max(...shift.map(Math.abs)) > MAX_SHIFT_PX) return null;
  const moved = move(before, shift);
  const change = (part) => mean([...walk(part)].map((at) => Math.abs(after[at] - moved[at])));
  const pixels = [...walk(FACE)].map((at) => after[at]);
  const middle = mean(pixels);
  const contrast = Math.sqrt(mean(pixels.map((value) => (value - middle) ** 2))) + 4;
  return (change(MOUTH) - change(EYES)) / contrast;
}

/** Compares each face with itself on the frame before. */
export class MouthWatcher {
  constructor() {
    this.last = new Map();
  }

  /** Give each face its mouth's movement as `moved`; null where there is nothing to compare with. */
  look(image, faces) {
    const pictures = new Map();
    for (const face of faces) {
      const square = squareAround(...centerOf(face.box), faceHeight(face.box), face.box.roll);
      const picture = toGrey(extractSquare(image, square, SIDE_PX, SIDE_PX)).data;
      pictures.set(face.id, picture);
      const before = this.last.get(face.id);
      face.moved = before ? compare(before, picture) : null;
    }
    this.last = pictures;
  }
}

/** The face that speaks in frames of one voice, by its id; null if that is not known. */
export function findSpeaker(frames) {
  const movements = new Map();
  for (const { id, moved } of frames.flat()) {
    if (!movements.has(id)) movements.set(id, { seen: 0, values: [] });
    const known = movements.get(id);
    known.seen++;
    if (moved !== null) known.values.push(moved);
  }
  const levels = [...movements].map(([id, { seen, values }]) => ({ id, seen, level: values.length ? mean(values) : 0 }));
  levels.sort((one, other) => other.level - one.level);
  const [best, second] = levels;
  if (!best) return null;
  const isKnown =
    best.seen >= PRESENT * frames.length &&
    best.level >= (second ? MOVES : MOVES_ALONE) &&
    best.level >= STANDS_OUT * (second?.level ?? 0);
  return isKnown ? best.id : null;
}
