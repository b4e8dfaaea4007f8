// Faces whichever way they are turned, by a detector that knows upright ones (detectors.turned).
import { centerOf, isLying, mergeBoxes, normalizeRoll, placeBox, scaleBox, squareAround } from "./boxes.js";
import { extractSquare, roundEven, turnQuarters } from "./raster.js";
import { Revisits } from "./revisit.js";
import { MIN_SIDE_PX } from "./yunet.js";

const SURE_SCORE = 0.9;
const CLEAR_SCORE = 0.8;
const CLEAR_MARGIN = 0.03;
const MAX_DOUBTFUL = 6;
const PATCH_PER_FACE = 2;
const TURNS = [0, 45, 90, 135, 180, 225, 270, 315];

const quartersOf = (roll) => ((roundEven(roll / 90) % 4) + 4) % 4;

function turnBack(box, number, { width, height }) {
  const [x, y] = centerOf(box);
  const back = { 1: [width - y, x], 2: [width - x, height - y], 3: [y, height - x] }[number];
  return placeBox(box, ...back, box.roll + 90 * number);
}

const first = (items, better) => items.reduce((best, item) => (best && !better(item, best) ? best : item), null);

export class TurnedFaceDetector {
  constructor(upright, { isStream = false } = {}) {
    this.upright = upright;
    this.isStream = isStream;
    this.revisits = new Revisits(SURE_SCORE);
    this.otherTurns = [1, 2, 3];
    this.wasEmpty = false;
  }

  /** The next picture of the stream shows another scene. */
  forget() {
    this.revisits.forget();
  }

  /** All faces of a picture, best score first. */
  async detect(image) {
    if (!this.isStream) return this.search(image);
    const again = await this.revisits.find(image, (patch) => this.upright.findAgain(patch));
    if (again) return again;
    const found = await this.search(image);
    this.revisits.keep(image, found);
    return found;
  }

  async search(image) {
    const boxes = await this.settleDoubtful(image, await this.upright.find(image));
    for (const number of this.chooseQuarters(boxes)) {
      const found = await this.upright.find(turnQuarters(image, number));
      const back = found.map((box) => turnBack(box, number, image));
      const clear = (await this.settleDoubtful(image, back)).filter(({ score }) => score >= CLEAR_SCORE);
      if (clear.length) this.otherTurns.sort((a, b) => Number(a !== number) - Number(b !== number));
      boxes.push(...clear);
    }
    this.wasEmpty = !boxes.length;
    return mergeBoxes(boxes);
  }

  chooseQuarters(boxes) {
    if (boxes.length) {
      return [...new Set(boxes.map(({ roll }) => quartersOf(roll)))].filter((turn) => turn).sort();
    }
    if (this.isStream && this.wasEmpty) {
      this.otherTurns.push(this.otherTurns.shift());
      return this.otherTurns.slice(-1);
    }
    return [...this.otherTurns];
  }

  async settleDoubtful(image, boxes) {
    const worstFirst = [...boxes].sort((a, b) => a.score - b.score);
    const settled = [];
    for (const box of worstFirst.slice(0, MAX_DOUBTFUL)) settled.push(await this.settle(image, box));
    return [...settled, ...worstFirst.slice(MAX_DOUBTFUL)];
  }

  async settle(image, box) {
    if (box.score >= SURE_SCORE) return box;
    const side = PATCH_PER_FACE * Math.max(box.width, box.height);
    const looks = [];
    for (const turn of TURNS) looks.push(await this.look(image, squareAround(...centerOf(box), side, turn)));
    const best = first(looks, (look, other) => (look?.score ?? 0) > (other?.score ?? 0));
    if (!best || best.score < Math.max(CLEAR_SCORE, (looks[0]?.score ?? 0) + CLEAR_MARGIN)) return box;
    const isTiltedOnly = Math.abs(normalizeRoll(best.roll - box.roll)) < 90 && isLying(best) === isLying(box);
    if (!isTiltedOnly) return best;
    return { ...box, roll: best.roll, yaw: best.yaw, pitch: best.pitch, score: best.score };
  }

  async look(image, square) {
    const patch = extractSquare(image, square, MIN_SIDE_PX, MIN_SIDE_PX);
    const reach = MIN_SIDE_PX / PATCH_PER_FACE / 2;
    const isInTheMiddle = (box) => centerOf(box).every((place) => Math.abs(place - MIN_SIDE_PX / 2) < reach);
    const found = (await this.upright.find(patch)).filter(isInTheMiddle);
    if (!found.length) return null;
    const box = scaleBox(
      first(found, (item, other) => item.score > other.score),
      square.side / MIN_SIDE_PX,
    );
    const half = square.side / 2;
    const [x, y] = centerOf(box).map((place) => place - half);
    const angle = (square.roll * Math.PI) / 180;
    const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
    const [middleX, middleY] = [square.x + half, square.y + half];
    return placeBox(box, cos * x - sin * y + middleX, sin * x + cos * y + middleY, box.roll + square.roll);
  }
}
