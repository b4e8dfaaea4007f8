// Searching where faces are known to be, as long as nothing happens elsewhere (detectors.revisit).
import { centerOf, mergeBoxes } from "./boxes.js";
import { cutOut, resizeArea, sampleNearest } from "./raster.js";

const MOST_REVISITS = 4;
const [SMALL_WIDTH, SMALL_HEIGHT] = [64, 48];
const STILL = 5;
const MOVED = 12;
const NUM_MOVED = 2;
const MARGIN = 1;
const GRID = 32;
const MAX_AREA = 0.7;
const MAX_ROLL = 30;

/** Some thousand pixels of green, each the mean of nine dots. */
export function sketch(image) {
  return resizeArea(sampleNearest(image, 3 * SMALL_WIDTH, 3 * SMALL_HEIGHT, 1), SMALL_WIDTH, SMALL_HEIGHT);
}

/** A face's box and its margin, widened to whole cells of the grid and cut at the picture's edges. */
function placeWindow({ x, y, width, height }, image) {
  const margin = MARGIN * Math.max(width, height);
  const low = (place) => Math.max(0, Math.floor((place - margin) / GRID) * GRID);
  const high = (place, side) => Math.min(side, Math.ceil((place + margin) / GRID) * GRID);
  return { left: low(x), top: low(y), right: high(x + width, image.width), bottom: high(y + height, image.height) };
}

const areaOf = ({ left, top, right, bottom }) => Math.max(0, right - left) * Math.max(0, bottom - top);

/** How many parts of the small picture moved outside the windows. */
function countMoved(change, windows, image) {
  const [toX, toY] = [SMALL_WIDTH / image.width, SMALL_HEIGHT / image.height];
  const elsewhere = Uint8Array.from(change);
  for (const { left, top, right, bottom } of windows) {
    const [from, to] = [Math.floor(left * toX), Math.ceil(right * toX)];
    const last = Math.min(SMALL_HEIGHT, Math.ceil(bottom * toY));
    for (let row = Math.floor(top * toY); row < last; row++) {
      elsewhere.fill(0, row * SMALL_WIDTH + from, row * SMALL_WIDTH + Math.min(SMALL_WIDTH, to));
    }
  }
  return elsewhere.reduce((count, value) => count + Number(value > MOVED), 0);
}

export class Revisits {
  constructor(clearScore) {
    this.clearScore = clearScore;
    this.forget();
  }

  /** The next picture is searched as a whole. */
  forget() {
    this.faces = [];
  }

  /** Remember what a whole search found. */
  keep(image, faces) {
    Object.assign(this, { faces, small: sketch(image), numSince: 0, width: image.width, height: image.height });
  }

  /** The faces of the next picture; null if it has to be searched as a whole. */
  async find(image, findAgain) {
    const isOther = image.width !== this.width || image.height !== this.height;
    if (!this.faces.length || isOther || this.numSince >= MOST_REVISITS) return null;
    const small = sketch(image);
    const change = small.data.map((value, at) => Math.abs(value - this.small.data[at]));
    if (change.some((value) => value > STILL)) {
      const found = await this.findNear(image, change, findAgain);
      if (!this.areClear(found) || found.length !== this.faces.length) return null;
      Object.assign(this, { faces: found, small });
    }
    this.numSince++;
    return [...this.faces];
  }

  async findNear(image, change, findAgain) {
    const windows = this.faces.map((face) => placeWindow(face, image));
    const area = windows.reduce((sum, window) => sum + areaOf(window), 0);
    const isTooMuch = area > MAX_AREA * image.width * image.height;
    if (!this.areClear(this.faces) || isTooMuch || countMoved(change, windows, image) > NUM_MOVED) return [];
    const found = [];
    for (const [at, face] of this.faces.entries()) {
      const again = await this.findOne(image, face, windows[at], findAgain);
      if (again) found.push(again);
    }
    return mergeBoxes(found);
  }

  async findOne(image, face, { left, top, right, bottom }, findAgain) {
    for (const found of await findAgain(cutOut(image, left, top, right, bottom))) {
      const there = { ...found, x: found.x + left, y: found.y + top };
      const [x, y] = centerOf(there);
      if (face.x <= x && x <= face.x + face.width && face.y <= y && y <= face.y + face.height) return there;
    }
    return null;
  }

  areClear(faces) {
    return faces.every(({ score, roll }) => score >= this.clearScore && Math.abs(roll) <= MAX_ROLL);
  }
}
