// The worker: everything that takes time. It gets pictures, and gives back what was found on them.
import { Engine } from "./engine.js";
import { linkScript, loadFile, takeInside } from "./files.js";
import { Hearing } from "./hearing.js";
import { MouthWatcher } from "./mouths.js";

let engine;
let hearing;
const watcher = new MouthWatcher();
let canvas;

/** The pixels of a picture. */
function readPixels(bitmap) {
  const { width, height } = bitmap;
  canvas ??= new OffscreenCanvas(width, height);
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(bitmap, 0, 0);
  return { data: context.getImageData(0, 0, width, height).data, width, height, channels: 4 };
}

const actions = {
  async open({ config, files }) {
    takeInside(files);
    const ort = await import(linkScript(config.runtime.script));
    Object.assign(ort.env.wasm, { numThreads: 1, wasmBinary: await loadFile(config.runtime.binary) });
    ort.env.logLevel = "error";
    engine = new Engine(ort, loadFile, config);
  },

  async choose({ models, prior, temporal, isStream }) {
    await engine.start(models, { isStream });
    engine.setPrior(prior);
    engine.stream.setTemporal(temporal);
  },

  async set({ prior, temporal, isNew }) {
    if (isNew) engine.stream.reset();
    engine.setPrior(prior);
    engine.stream.setTemporal(temporal);
  },

  async listen({ voice }) {
    hearing = new Hearing(engine);
    await hearing.start(voice);
  },

  hear: ({ samples, endS }) => hearing.hear(samples, endS),

  async look({ bitmap, timeS, hears }) {
    const start = performance.now();
    const image = readPixels(bitmap);
    const found = timeS === null ? await engine.look(image) : await engine.step(image, timeS);
    if (hears) watcher.look(image, found.faces);
    const models = engine.chosen.map(({ model }) => model.name);
    return { ...found, models, bitmap, workMs: performance.now() - start };
  },
};

let last = Promise.resolve();
self.onmessage = ({ data: { id, action, ...values } }) => {
  last = last.then(async () => {
    try {
      const answer = await actions[action](values);
      self.postMessage({ id, answer }, answer?.bitmap ? [answer.bitmap] : []);
    } catch (error) {
      self.postMessage({ id, error: String(error?.message ?? error) });
    }
  });
};
