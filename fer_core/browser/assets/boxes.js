// Face boxes: { x, y, width, height, score, roll, yaw, pitch }, as fer_core.types.FaceBox defines them.

const MAX_OVERLAP = 0.5;
const INSIDE = 0.8;

const modulo = (value, by) => ((value % by) + by) % by;

/** The same angle in (-180, 180]. */
export const normalizeRoll = (degrees) => 180 - modulo(180 - degrees, 360);

export const isLying = ({ roll }) => Math.abs(roll) > 45 && Math.abs(roll) < 135;

/** Hairline to chin, whichever way the face is turned. */
export const faceHeight = (box) => (isLying(box) ? box.width : box.height);

export const centerOf = ({ x, y, width, height }) => [x + width / 2, y + height / 2];

export function scaleBox(box, factor) {
  const { x, y, width, height } = box;
  return { ...box, x: x * factor, y: y * factor, width: width * factor, height: height * factor };
}

export function squareAround(x, y, side, roll = 0) {
  return { x: x - side / 2, y: y - side / 2, side, roll };
}

/** The square that a model sees of a face (fer_core.framing.compute_square). */
export function computeSquare(box, framing) {
  const side = faceHeight(box) * framing.side_per_height;
  const up = framing.shift_up * side;
  const angle = (box.roll * Math.PI) / 180;
  const [x, y] = centerOf(box);
  return squareAround(x + up * Math.sin(angle), y - up * Math.cos(angle), side, box.roll);
}

/** An upright face's box, turned by `roll` about its centre, which is moved to (x, y). */
export function placeBox(box, x, y, roll) {
  const turned = { ...box, roll: normalizeRoll(roll) };
  const [width, height] = isLying(turned) ? [box.height, box.width] : [box.width, box.height];
  return { ...turned, x: x - width / 2, y: y - height / 2, width, height };
}

function sharedArea(a, b) {
  const width = Math.min(a.x + a.width, b.x + b.width) - Math.max(a.x, b.x);
  const height = Math.min(a.y + a.height, b.y + b.height) - Math.max(a.y, b.y);
  return Math.max(0, width) * Math.max(0, height);
}

const areaOf = ({ width, height }) => width * height;

/** Intersection over union. */
export function computeIou(a, b) {
  const shared = sharedArea(a, b);
  return shared / (areaOf(a) + areaOf(b) - shared);
}

const overlap = (a, b) => sharedArea(a, b) / Math.min(areaOf(a), areaOf(b));

/** One of the boxes that show one face, best score first (detectors.base.merge_boxes). */
export function mergeBoxes(boxes) {
  const isPart = (box, other) => 2 * areaOf(box) < areaOf(other) && overlap(box, other) > INSIDE;
  const whole = boxes.filter((box) => !boxes.some((other) => isPart(box, other)));
  const kept = [];
  for (const box of whole.sort((a, b) => b.score - a.score)) {
    if (kept.every((other) => overlap(box, other) <= MAX_OVERLAP)) kept.push(box);
  }
  return kept;
}
