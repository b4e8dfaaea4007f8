// Who is who from frame to frame (fer_core.inference.tracker).
import { centerOf, computeIou, normalizeRoll } from "./boxes.js";

const POSITION_GAIN = 0.8;
const VELOCITY_GAIN = 0.4;
const MAX_BLENDED_ROLL = 30;
const MAX_EXTRAPOLATION_S = 0.25;

/** `mostRead`: of many faces so many are classified in a frame, in turns; Python reads all. */
export const TEMPORAL = { detectEvery: 3, smoothingS: 0.4, maxGapS: 1.0, minIou: 0.2, mostRead: Infinity };

function blend(old, now, share) {
  const mix = (name) => old[name] + share * (now[name] - old[name]);
  const mixKnown = (name) => (old[name] === null || now[name] === null ? now[name] : mix(name));
  const change = normalizeRoll(now.roll - old.roll);
  return {
    x: mix("x"),
    y: mix("y"),
    width: mix("width"),
    height: mix("height"),
    score: now.score,
    roll: normalizeRoll(Math.abs(change) <= MAX_BLENDED_ROLL ? now.roll - (1 - share) * change : now.roll),
    yaw: mixKnown("yaw"),
    pitch: mixKnown("pitch"),
  };
}

class Track {
  constructor(id, box, timeS) {
    Object.assign(this, { id, box, timeS, seenS: timeS, velocity: [0, 0], numMissed: 0 });
  }

  boxAt(timeS) {
    const elapsed = Math.min(Math.max(0, timeS - this.timeS), MAX_EXTRAPOLATION_S);
    const [x, y] = [this.box.x + this.velocity[0] * elapsed, this.box.y + this.velocity[1] * elapsed];
    return { ...this.box, x, y };
  }

  correct(found, timeS) {
    const expected = this.boxAt(timeS);
    const elapsed = timeS - this.timeS;
    if (elapsed > 0) {
      const gain = VELOCITY_GAIN / elapsed;
      const [there, here] = [centerOf(found), centerOf(expected)];
      this.velocity = this.velocity.map((speed, axis) => speed + gain * (there[axis] - here[axis]));
    }
    if (this.numMissed) {
      this.velocity = [0, 0];
      this.box = found;
    } else {
      this.box = blend(expected, found, POSITION_GAIN);
    }
    this.timeS = this.seenS = timeS;
    this.numMissed = 0;
  }
}

/** The pairs of a least sum of costs (Hungarian algorithm): for each row its column. At most as many rows. */
function assign(costs) {
  const [numRows, numColumns] = [costs.length, costs[0].length];
  const [rowPrice, columnPrice] = [new Float64Array(numRows + 1), new Float64Array(numColumns + 1)];
  const rowOf = new Int32Array(numColumns + 1);
  const from = new Int32Array(numColumns + 1);
  for (let row = 1; row <= numRows; row++) {
    rowOf[0] = row;
    let column = 0;
    const slack = new Float64Array(numColumns + 1).fill(Infinity);
    const isDone = new Uint8Array(numColumns + 1);
    do {
      isDone[column] = 1;
      let [least, next] = [Infinity, 0];
      for (let other = 1; other <= numColumns; other++) {
        if (isDone[other]) continue;
        const cost = costs[rowOf[column] - 1][other - 1] - rowPrice[rowOf[column]] - columnPrice[other];
        if (cost < slack[other]) [slack[other], from[other]] = [cost, column];
        if (slack[other] < least) [least, next] = [slack[other], other];
      }
      for (let other = 0; other <= numColumns; other++) {
        if (isDone[other]) {
          rowPrice[rowOf[other]] += least;
          columnPrice[other] -= least;
        } else slack[other] -= least;
      }
      column = next;
    } while (rowOf[column]);
    for (; column; column = from[column]) rowOf[column] = rowOf[from[column]];
  }
  const columnOf = new Array(numRows);
  for (let column = 1; column <= numColumns; column++) if (rowOf[column]) columnOf[rowOf[column] - 1] = column - 1;
  return columnOf;
}

/** Index of a track -> index of the box that is its face. */
function match(tracks, boxes, minIou) {
  if (!tracks.length || !boxes.length) return new Map();
  const overlaps = tracks.map((track) =>
    boxes.map((box) => {
      const iou = computeIou(track, box);
      return iou < minIou ? 0 : iou;
    }),
  );
  const isWide = tracks.length <= boxes.length;
  const costs = isWide
    ? overlaps.map((row) => row.map((value) => -value))
    : boxes.map((_, column) => overlaps.map((row) => -row[column]));
  const pairs = assign(costs).map((column, row) => (isWide ? [row, column] : [column, row]));
  return new Map(pairs.filter(([track, box]) => overlaps[track][box] > 0).sort(([a], [b]) => a - b));
}

export class FaceTracker {
  constructor(config = TEMPORAL) {
    this.config = config;
    this.reset();
  }

  reset() {
    this.forget();
    this.numIds = 0;
  }

  forget() {
    this.tracks = [];
  }

  /** Take in everything that a detection found at `timeS`. */
  update(boxes, timeS) {
    const expected = this.tracks.map((track) => track.boxAt(timeS));
    const pairs = match(expected, boxes, this.config.minIou);
    this.tracks.forEach((track, index) => {
      if (pairs.has(index)) track.correct(boxes[pairs.get(index)], timeS);
      else {
        Object.assign(track, { box: expected[index], timeS, velocity: [0, 0] });
        track.numMissed++;
      }
    });
    const { maxGapS } = this.config;
    this.tracks = this.tracks.filter((track) => !track.numMissed || timeS - track.seenS <= maxGapS);
    const matched = new Set(pairs.values());
    boxes.forEach((box, index) => {
      if (!matched.has(index)) this.tracks.push(new Track(++this.numIds, box, timeS));
    });
  }

  /** The faces in the picture at `timeS`, oldest first. */
  faces(timeS) {
    return this.tracks
      .filter((track) => track.numMissed <= 1 && timeS - track.seenS <= this.config.maxGapS)
      .map((track) => ({ id: track.id, box: track.boxAt(timeS), isCurrent: track.numMissed === 0 }));
  }

  get knownIds() {
    return new Set(this.tracks.map(({ id }) => id));
  }
}
