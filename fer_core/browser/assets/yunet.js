// YuNet: the network's input and what its answer means (fer_core.inference.detectors.yunet).
import { mergeBoxes, scaleBox } from "./boxes.js";
import { resize } from "./raster.js";

export const MIN_SIDE_PX = 192;
const COARSE_SIDE_PX = 640;
const SCORE = 0.7;
const MAX_IOU = 0.3;
const MAX_CANDIDATES = 5000;
const MULTIPLE = 32;
const STRIDES = [8, 16, 32];
const [TILT_FROM, TILT_FULL] = [8, 16];
export const OUTPUTS = STRIDES.flatMap((stride) => ["cls", "obj", "bbox", "kps"].map((name) => `${name}_${stride}`));

const degrees = (radians) => (radians * 180) / Math.PI;
const limit = (value, low, high) => Math.min(Math.max(value, low), high);

/** Blue, green and red planes, padded with black to whole multiples of 32. */
function toPlanes({ data, width, height, channels }) {
  const pad = (side) => Math.ceil(side / MULTIPLE) * MULTIPLE;
  const [columns, rows] = [pad(width), pad(height)];
  const size = columns * rows;
  const planes = new Float32Array(3 * size);
  for (let row = 0; row < height; row++) {
    let from = row * width * channels;
    for (let to = row * columns, end = to + width; to < end; to++, from += channels) {
      planes[to] = data[from + 2];
      planes[size + to] = data[from + 1];
      planes[2 * size + to] = data[from];
    }
  }
  return { planes, columns, rows };
}

function decode(answers, columns, stride, found) {
  const [classes, objects, boxes, points] = ["cls", "obj", "bbox", "kps"].map((name) => answers[`${name}_${stride}`]);
  const { fround } = Math;
  for (let cell = 0; cell < classes.length; cell++) {
    const product = fround(classes[cell] * objects[cell]); // the score is its root
    if (product < fround(SCORE ** 2)) continue;
    const [column, row] = [cell % columns, Math.floor(cell / columns)];
    const [width, height] = [2, 3].map((side) => fround(fround(Math.exp(boxes[4 * cell + side])) * stride));
    found.push({
      x: fround((column + boxes[4 * cell]) * stride - width / 2),
      y: fround((row + boxes[4 * cell + 1]) * stride - height / 2),
      width,
      height,
      points: Array.from({ length: 10 }, (_, at) =>
        fround((points[10 * cell + at] + (at % 2 ? row : column)) * stride),
      ),
      score: fround(Math.sqrt(product)),
    });
  }
}

/** One box a face, best score first; as cv2.dnn.NMSBoxes, which compares whole pixels. */
function suppress(found) {
  const whole = found.map((face) => ["x", "y", "width", "height"].map((side) => Math.trunc(face[side])));
  const order = [...found.keys()].sort((a, b) => found[b].score - found[a].score).slice(0, MAX_CANDIDATES);
  const iou = ([ax, ay, aw, ah], [bx, by, bw, bh]) => {
    if (aw * ah + bw * bh <= 0) return 1;
    const width = Math.min(ax + aw, bx + bw) - Math.max(ax, bx);
    const height = Math.min(ay + ah, by + bh) - Math.max(ay, by);
    const shared = width > 0 && height > 0 ? width * height : 0;
    return shared / (aw * ah + bw * bh - shared);
  };
  const kept = [];
  for (const index of order) {
    if (kept.every((other) => iou(whole[index], whole[other]) <= MAX_IOU)) kept.push(index);
  }
  return kept.map((index) => found[index]);
}

const FACE = [
  [-0.5, 0, 0],
  [0.5, 0, 0],
  [0, 0.58, 0.5],
  [-0.415, 1.02, -0.1],
  [0.415, 1.02, -0.1],
];
const TO_AXES = invertFace();

/** The pseudo-inverse (3 x 5) of the centred points of a face, whose columns are independent. */
function invertFace() {
  const mean = [0, 1, 2].map((axis) => FACE.reduce((sum, point) => sum + point[axis], 0) / FACE.length);
  const centred = FACE.map((point) => point.map((value, axis) => value - mean[axis]));
  const gram = [0, 1, 2].map((i) => [0, 1, 2].map((j) => centred.reduce((sum, point) => sum + point[i] * point[j], 0)));
  const cofactor = (i, j) => {
    const [r, s, t, u] = [(i + 1) % 3, (i + 2) % 3, (j + 1) % 3, (j + 2) % 3];
    return gram[r][t] * gram[s][u] - gram[r][u] * gram[s][t];
  };
  const determinant = [0, 1, 2].reduce((sum, j) => sum + gram[0][j] * cofactor(0, j), 0);
  return [0, 1, 2].map((i) =>
    centred.map((point) => [0, 1, 2].reduce((sum, j) => sum + (cofactor(j, i) / determinant) * point[j], 0)),
  );
}

/** Yaw and pitch in degrees from the five points (detectors.pose.estimate_pose); nulls where all are one. */
export function estimatePose(points, tilt) {
  const angle = (tilt * Math.PI) / 180;
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  const axes = TO_AXES.map((row) =>
    [0, 1].map((side) => row.reduce((sum, weight, at) => sum + weight * points[2 * at + side], 0)),
  );
  const levelX = axes.map(([x, y]) => cos * x + sin * y);
  const levelY = axes.map(([x, y]) => cos * y - sin * x);
  const scale = (Math.hypot(...levelX) + Math.hypot(...levelY)) / 2;
  if (!(scale > 1e-6)) return { yaw: null, pitch: null };
  const angleOf = (depth) => degrees(Math.asin(limit(depth / scale, -1, 1)));
  return { yaw: angleOf(levelX[2]), pitch: angleOf(-levelY[2]) };
}

function readFace({ points, ...face }) {
  const [leftX, leftY, rightX, rightY] = points;
  const tilt = degrees(Math.atan2(rightY - leftY, rightX - leftX));
  const roll = tilt * limit((Math.abs(tilt) - TILT_FROM) / (TILT_FULL - TILT_FROM), 0, 1);
  return { ...face, score: Math.min(face.score, 1), roll, ...estimatePose(points, tilt) };
}

/** Finds upright faces. `run` takes planes, columns and rows, and returns the answers by name. */
export class YuNet {
  constructor(run, maxSidePx) {
    this.run = run;
    this.maxSidePx = maxSidePx;
  }

  async find(image) {
    const fine = Math.min(Math.max(image.width, image.height, MIN_SIDE_PX), this.maxSidePx);
    const boxes = await this.findAt(image, fine);
    if (fine <= COARSE_SIDE_PX) return boxes;
    return mergeBoxes([...boxes, ...(await this.findAt(image, COARSE_SIDE_PX))]);
  }

  /** The faces of a part of a picture, searched as large as it is. */
  findAgain(patch) {
    return this.findAt(patch, Math.max(patch.width, patch.height));
  }

  async findAt(image, longestPx) {
    const scale = longestPx / Math.max(image.width, image.height);
    const { planes, columns, rows } = toPlanes(resize(image, scale));
    const answers = await this.run(planes, columns, rows);
    const found = [];
    for (const stride of STRIDES) decode(answers, columns / stride, stride, found);
    return suppress(found)
      .map((face) => scaleBox(readFace(face), 1 / scale))
      .filter(({ width, height }) => width > 0 && height > 0);
  }
}
