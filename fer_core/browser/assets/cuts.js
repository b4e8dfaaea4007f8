// Cuts: a frame that shows another scene (fer_core.inference.cuts).
import { makeImage, resizeArea, roundEven } from "./raster.js";
import { sketch } from "./revisit.js";

const MIN_JUMP = 5;
const MIN_JUMP_RATIO = 6;
const MAX_LIKENESS = 0.5;
const MIN_CONTRAST = 4;
const PATCH_PX = 24;
const NUM_REMEMBERED = 12;

/** The green channel of a part of an image. */
function pickGreen(image, left, top, right, bottom) {
  const out = makeImage(right - left, bottom - top, 1);
  let place = 0;
  for (let y = top; y < bottom; y++) {
    for (let x = left; x < right; x++) out.data[place++] = image.data[(y * image.width + x) * image.channels + 1];
  }
  return out;
}

const meanOf = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;

function median(values) {
  if (!values.length) return 0;
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

function isAnother(before, after, box) {
  const { width, height } = after;
  const [left, top] = [box.x, box.y].map((edge) => Math.max(0, roundEven(edge)));
  const right = Math.min(width, roundEven(box.x + box.width));
  const bottom = Math.min(height, roundEven(box.y + box.height));
  if (right <= left || bottom <= top) return true;
  const [first, second] = [before, after].map((image) => {
    const patch = resizeArea(pickGreen(image, left, top, right, bottom), PATCH_PX, PATCH_PX);
    const values = Array.from(patch.data);
    const mean = meanOf(values);
    return values.map((value) => value - mean);
  });
  const spread = (values) => Math.sqrt(meanOf(values.map((value) => value * value)));
  const contrast = spread(first) * spread(second);
  const likeness = meanOf(first.map((value, index) => value * second[index]));
  return contrast > MIN_CONTRAST ** 2 && likeness < MAX_LIKENESS * contrast;
}

export class CutDetector {
  constructor() {
    this.reset();
  }

  reset() {
    this.before = null;
    this.jumps = [];
  }

  /** Whether the scene changed since the last call; `boxes` are where faces were last known. */
  isCut(image, boxes) {
    if (!boxes.length) {
      this.reset();
      return false;
    }
    const [small, before] = [sketch(image), this.before];
    this.before = { small, image };
    if (!before) return false;
    const changes = small.data.reduce((sum, value, at) => sum + Math.abs(value - before.small.data[at]), 0);
    const jump = changes / small.data.length;
    const usual = median(this.jumps);
    this.jumps = [...this.jumps, jump].slice(-NUM_REMEMBERED);
    if (jump < Math.max(MIN_JUMP, MIN_JUMP_RATIO * usual)) return false;
    return boxes.every((box) => isAnother(before.image, image, box));
  }
}
