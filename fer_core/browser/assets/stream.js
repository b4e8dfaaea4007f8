// The pipeline over time: detect now and then, follow, classify, smooth (fer_core.inference.stream).
import { computeSquare } from "./boxes.js";
import { CutDetector } from "./cuts.js";
import { extractSquare, toGrey } from "./raster.js";
import { FaceTracker, TEMPORAL } from "./tracker.js";

const MAX_UNSEARCHED_S = 0.5;

/** What a model sees of a face (fer_core.inference.crop.extract_crops). */
export function extractCrop(image, box, { framing, width, height, color }) {
  const crop = extractSquare(image, computeSquare(box, framing), width, height);
  return color === "gray" ? toGrey(crop) : crop;
}

export class FaceStream {
  constructor(detector, readers) {
    Object.assign(this, { detector, readers, temporal: { ...TEMPORAL } });
    this.tracker = new FaceTracker(this.temporal);
    this.cuts = new CutDetector();
    this.reset();
  }

  reset() {
    this.tracker.reset();
    this.cuts.reset();
    this.detector.forget();
    this.readers.forEach((reader) => reader.reset());
    Object.assign(this, { framesToDetection: 0, searchedS: 0, size: "" });
  }

  setTemporal(changes) {
    Object.assign(this.temporal, changes);
    this.framesToDetection = Math.min(this.framesToDetection, this.temporal.detectEvery - 1);
  }

  beginScene() {
    this.tracker.forget();
    this.detector.forget();
    this.framesToDetection = 0;
  }

  /** The faces of the next frame: [{ id, box, readings: one a model }], and whether it was searched. */
  async step(image, timeS) {
    const size = `${image.width} x ${image.height}`;
    if (size !== this.size) {
      this.beginScene();
      this.cuts.reset();
      this.size = size;
    }
    const places = this.tracker.faces(timeS).map(({ box }) => box);
    if (this.cuts.isCut(image, places)) this.beginScene();
    const unsearchedS = timeS - this.searchedS;
    const isSearched = this.framesToDetection <= 0 || !(unsearchedS >= 0 && unsearchedS <= MAX_UNSEARCHED_S);
    if (isSearched) {
      this.tracker.update(await this.detector.detect(image), timeS);
      this.framesToDetection = this.temporal.detectEvery - 1;
      this.searchedS = timeS;
    } else this.framesToDetection--;
    const tracked = this.tracker.faces(timeS);
    return { faces: await this.read(image, tracked, timeS), isSearched };
  }

  async read(image, tracked, timeS) {
    const boxes = tracked.filter(({ isCurrent }) => isCurrent).map(({ box }) => box);
    const ids = this.tracker.knownIds;
    const answers = [];
    for (const reader of this.readers) {
      const crops = boxes.map((box) => extractCrop(image, box, reader.model.input));
      answers.push(await reader.follow(tracked, crops, ids, timeS, this.temporal));
    }
    return tracked
      .map(({ id, box }, at) => ({ id, box, readings: answers.map((rows) => rows[at]) }))
      .filter(({ readings }) => readings.every(Boolean));
  }
}
