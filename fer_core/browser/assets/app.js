// The page: consent, camera, drawing and downloads. What takes time is done by the worker.
import { Analyst, findObstacle } from "./analyst.js";
import { describe, drawFrame } from "./draw.js";
import { FrameLoop, Recording, openCamera, openFile, saveFile } from "./source.js";
import { Readings } from "./readings.js";
import { bindSettings } from "./settings.js";
import { Pace } from "./stats.js";
import { Table } from "./table.js";

const find = (id) => document.getElementById(id);
const config = JSON.parse(find("config").textContent);
const absolute = (address) => new URL(address, document.baseURI).href;
config.worker = absolute(config.worker);
config.runtime = { script: absolute(config.runtime.script), binary: absolute(config.runtime.binary) };
config.detector.file = absolute(config.detector.file);
for (const model of config.models) model.file = absolute(model.file);

const PANEL_SCALE = 0.75; // two side by side
const MOST_READ = 2; // faces a frame: a crowd is read in turns, so that the picture keeps its pace
const LEAST_WIDTH_PX = 640; // words on a smaller picture would be too coarse
const canvas = find("picture");
const context = canvas.getContext("2d");
let settings = config.settings;
let [analyst, loop, recording, pace] = [null, null, null, new Pace()];
let chosen = "";
let lastSize = [0, 0];
const table = new Table(config.columns);
const readings = new Readings(find("readings"));

const findModels = (names) => names.map((name) => config.models.find((model) => model.name === name)).filter(Boolean);
const modelsNow = () => findModels(settings.models);
const temporalNow = () => ({ smoothingS: settings.smoothingS, detectEvery: settings.detectEvery, mostRead: MOST_READ });
const stamp = () => new Date().toISOString().replace(/[-:]/g, "").slice(0, 15);

function say(text) {
  find("message").textContent = text;
  find("message").hidden = !text;
}

function hint(text) {
  find("hint").textContent = text;
  find("hint").hidden = !text;
}

/** Whatever goes wrong is told, and the camera is off then. */
async function trying(action) {
  try {
    say("");
    await action();
  } catch (error) {
    stop();
    say(error.message);
  }
}

/** Bring the worker to the chosen models and settings. */
async function prepare(isStream) {
  analyst ??= new Analyst(config);
  await analyst.ready;
  const wanted = JSON.stringify([modelsNow().map(({ file }) => file), isStream]);
  const values = { prior: settings.prior, temporal: temporalNow() };
  if (wanted === chosen) return analyst.ask("set", values);
  await analyst.ask("choose", { models: modelsNow(), isStream, ...values });
  chosen = wanted;
}

/** Draw what was found, by the models that found it: others may be chosen meanwhile. */
function show({ bitmap, faces, ...found }) {
  const models = findModels(found.models);
  lastSize = [bitmap.width, bitmap.height];
  const scale = Math.max(1, LEAST_WIDTH_PX / bitmap.width) * (models.length > 1 ? PANEL_SCALE : 1);
  const [width, height] = [Math.round(bitmap.width * scale), Math.round(bitmap.height * scale)];
  if (canvas.width !== width * models.length || canvas.height !== height) {
    Object.assign(canvas, { width: width * models.length, height });
  }
  const style = loop?.source.isCamera ? settings : { ...settings, mirror: false };
  models.forEach(({ classes }, at) => {
    const pick = ({ readings: all }) => all[at];
    drawFrame(context, bitmap, faces, { classes, pick, style, offsetX: at * width, scale });
  });
}

function tell(timeS, { faces, ...found }) {
  const models = findModels(found.models);
  if (table.model !== models[0]) table.clear(models[0]);
  table.add(timeS, faces, ({ readings: all }) => all[0]);
  readings.add(timeS, faces, models, settings.sureFrom);
  for (const id of ["snapshot", "save", "keep"]) find(id).disabled = false;
}

async function onFrame({ bitmap, timeS, cameMs }) {
  const running = loop;
  try {
    const found = await analyst.look(bitmap, timeS);
    if (running === loop && loop) {
      show(found);
      tell(timeS, found);
      pace.finish(cameMs);
      hint("");
    }
    found.bitmap.close();
  } catch (error) {
    if (running === loop && loop) {
      stop();
      say(error.message);
    }
  }
}

function begin(source) {
  stop();
  table.clear(modelsNow()[0]);
  readings.clear(modelsNow(), source.isCamera);
  pace = new Pace();
  source.video.onended = () => loop?.source === source && stop();
  loop = new FrameLoop(source, onFrame, () => pace.receive());
  find("start").textContent = "Stop";
  find("record").disabled = false;
  document.documentElement.dataset.state = "playing";
}

function stop() {
  if (recording) toggleRecording();
  loop?.stop();
  if (loop) hint(loop.source.isCamera ? "The camera is off." : "");
  loop = null;
  find("start").textContent = "Start the camera";
  find("record").disabled = true;
  document.documentElement.dataset.state = "idle";
}

async function start() {
  if (loop) return stop();
  find("start").disabled = true;
  hint("Starting: the model is loaded once…");
  await trying(async () => {
    // Both at once: while the person answers the browser's question the model loads.
    const camera = openCamera();
    try {
      await prepare(true);
    } catch (error) {
      camera.then(({ close }) => close(), () => {});
      throw error;
    }
    begin(await camera);
  });
  if (!loop) hint("The camera is off.");
  find("start").disabled = false;
}

async function readFile(file) {
  await trying(async () => {
    stop();
    hint(`Reading ${file.name}…`);
    const source = await openFile(file);
    await prepare(Boolean(source.video));
    if (source.video) return begin(source);
    const found = await analyst.look(source.bitmap, null);
    table.clear(modelsNow()[0]);
    readings.clear(modelsNow(), false);
    show(found);
    tell(0, found);
    found.bitmap.close();
    hint("");
    say(found.faces.length ? "" : "No face was found. Try a picture in which a face is larger and better lit.");
  });
  if (!find("message").hidden) hint("");
}

async function toggleRecording() {
  if (recording) {
    const ended = recording;
    recording = null;
    find("record").setAttribute("aria-pressed", "false");
    find("record").textContent = "Record";
    saveFile(await ended.stop(), `recording-${stamp()}.${ended.ending}`);
  } else {
    recording = new Recording(canvas);
    find("record").setAttribute("aria-pressed", "true");
    find("record").textContent = "Stop recording";
  }
}

/** Take over changed settings; models, which may be new ones, are loaded while the stream waits. */
async function apply({ known = [], ...changed }) {
  for (const model of known) {
    config.models = config.models.filter(({ name }) => name !== model.name);
    config.models.push({ ...model, file: absolute(model.file) });
  }
  settings = { ...settings, ...changed };
  if (!analyst) return;
  await trying(() => prepare(true));
}

function tellPace() {
  const { analysedFps, receivedFps, p50Ms, p95Ms, numAnalysed, numReceived } = pace.report();
  if (!loop || !numAnalysed) return;
  find("pace").textContent =
    `${analysedFps.toFixed(0)} of ${receivedFps.toFixed(0)} frames a second · ${p50Ms.toFixed(0)} ms a frame, ` +
    `95 % within ${p95Ms.toFixed(0)} ms · ${numAnalysed} of ${numReceived} frames analyzed`;
}

function agree(isAgreed) {
  find("consent").hidden = isAgreed;
  find("work").hidden = !isAgreed;
  if (!isAgreed) stop();
}

find("agree").onclick = () => agree(true);
find("again").onclick = () => agree(false);
find("start").onclick = start;
find("record").onclick = toggleRecording;
find("snapshot").onclick = () => canvas.toBlob((blob) => saveFile(blob, `snapshot-${stamp()}.png`), "image/png");
find("save").onclick = () => saveFile(new Blob([table.toCsv()], { type: "text/csv" }), `results-${stamp()}.csv`);
find("file").onchange = ({ target }) => {
  const [file] = target.files;
  target.value = "";
  if (file) readFile(file);
};
addEventListener("pagehide", stop);
setInterval(tellPace, 1000);
bindSettings(find, config, apply);
stop();
const obstacle = findObstacle();
if (obstacle) {
  agree(false);
  find("consent").hidden = true;
  say(obstacle);
} else agree(config.mode === "embedded");
if (config.offline) navigator.serviceWorker?.register(config.offline).catch(() => {});

/** What the workbench around an embedded page uses, and tests. */
globalThis.fer = {
  apply,
  report: () => pace.report(),
  describe,
  onKeep(keep) {
    find("keep").hidden = false;
    find("keep").onclick = () => keep({ csv: table.toCsv(), model: table.model.name, size: lastSize });
  },
};
