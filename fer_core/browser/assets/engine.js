// Networks, detector and stream put together: the same in a worker, in Node and in a test.
import { Reader, blankCrop, toInput } from "./reading.js";
import { FaceStream, extractCrop } from "./stream.js";
import { TurnedFaceDetector } from "./turned.js";
import { OUTPUTS, YuNet } from "./yunet.js";

const BATCH = 64;

/** One engine serves one stream. `load` turns a file's address into its bytes. */
export class Engine {
  constructor(ort, load, { detector, quality, runtime }) {
    const provider = runtime?.provider ?? "wasm"; // or "webgpu", with a runtime that has it
    Object.assign(this, { ort, load, quality, provider, detectorFile: detector, readers: new Map() });
  }

  async open(file) {
    const options = {
      executionProviders: [this.provider],
      graphOptimizationLevel: "all",
      intraOpNumThreads: 1,
      // Parts of pictures have many sizes: an arena would keep room for each, and a page's memory never shrinks.
      enableCpuMemArena: false,
      enableMemPattern: false,
    };
    return this.ort.InferenceSession.create(await this.load(file), options);
  }

  /** Choose the models; what is open already stays open. */
  async start(models, { isStream = true } = {}) {
    this.detectorSession ??= await this.open(this.detectorFile.file);
    const run = async (planes, columns, rows) => {
      const feed = { input: new this.ort.Tensor("float32", planes, [1, 3, rows, columns]) };
      const answers = await this.detectorSession.run(feed, OUTPUTS);
      return Object.fromEntries(OUTPUTS.map((name) => [name, answers[name].data]));
    };
    // A picture by itself is searched as finely as Python does.
    const { max_side_px, picture_side_px } = this.detectorFile;
    const upright = new YuNet(run, isStream ? max_side_px : picture_side_px);
    this.detector = new TurnedFaceDetector(upright, { isStream });
    this.chosen = [];
    for (const model of models) this.chosen.push(await this.openReader(model));
    this.stream = new FaceStream(this.detector, this.chosen);
  }

  async openReader(model) {
    if (!this.readers.has(model.file)) {
      const session = await this.open(model.file);
      const name = session.inputNames[0];
      const run = async (crops) => {
        const rows = [];
        for (let start = 0; start < crops.length; start += BATCH) {
          const { data, dims } = toInput(crops.slice(start, start + BATCH), model);
          const feed = { [name]: new this.ort.Tensor(model.uint8 ? "uint8" : "float32", data, dims) };
          const { probabilities } = await session.run(feed, ["probabilities"]);
          const size = model.classes.length;
          for (let at = 0; at < dims[0]; at++) rows.push(probabilities.data.slice(at * size, (at + 1) * size));
        }
        return rows;
      };
      await run([blankCrop(model.input)]); // the first run is slow: not while somebody looks
      this.readers.set(model.file, new Reader(model, run, this.quality));
    }
    return this.readers.get(model.file);
  }

  setPrior(prior) {
    this.chosen.forEach((reader) => reader.setPrior(prior));
  }

  /** The next frame of a stream. */
  step(image, timeS) {
    return this.stream.step(image, timeS);
  }

  /** A picture by itself. */
  async look(image) {
    const boxes = await this.detector.detect(image);
    const answers = [];
    for (const reader of this.chosen) {
      const crops = boxes.map((box) => extractCrop(image, box, reader.model.input));
      const readings = await reader.read(crops, boxes);
      answers.push(readings.map(({ probabilities, quality }) => reader.judge(probabilities, quality)));
    }
    return { faces: boxes.map((box, at) => ({ id: at + 1, box, readings: answers.map((rows) => rows[at]) })) };
  }
}
