// The page: consent, camera, files, drawing and downloads. What takes time is done by the worker.
import { Analyst, findObstacle } from "./analyst.js";
import { Contest } from "./contest.js";
import { describe, drawFrame, drawVoice } from "./draw.js";
import { locate } from "./files.js";
import { Media } from "./media.js";
import { Microphone, listLines, showVoice } from "./microphone.js";
import { FrameLoop, Recording, openCamera, saveFile } from "./source.js";
import { Readings } from "./readings.js";
import { bindSettings } from "./settings.js";
import { Pace } from "./stats.js";
import { Table } from "./table.js";

const find = (id) => document.getElementById(id);
const config = JSON.parse(find("config").textContent);
config.worker = locate(config.worker);
for (const runtime of [config.runtime, config.runtime.gpu].filter(Boolean)) {
  for (const name of ["script", "binary"]) runtime[name] = locate(runtime[name]);
}
config.detector.file = locate(config.detector.file);
for (const model of config.models) model.file = locate(model.file);

const PANEL_SCALE = 0.75; // two side by side
const MOST_READ = 2; // faces a frame: a crowd is read in turns, so that the picture keeps its pace
const LEAST_WIDTH_PX = 640; // words on a smaller picture would be too coarse
const CAMERA_LOST = "The camera gives no more pictures: it was unplugged, or the browser took it back. Connect it, then start again.";
const canvas = find("picture");
const context = canvas.getContext("2d");
let settings = config.settings;
let [analyst, loop, recording, microphone, pace] = [null, null, null, null, new Pace()];
let [firstId, lastId] = [0, 0]; // numbers of faces, where another worker goes on
let chosen = "";
let numStops = 0; // whoever waits for a camera looks whether it is still wanted
let lastSize = [0, 0];
const table = new Table(config.columns);
const readings = new Readings(find("readings"));
const contest = new Contest(config);

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

/** Bring the worker to the chosen models and settings; a stream that is new knows nothing of the one before. */
async function prepare(isStream, isNew = true) {
  const mine = (analyst ??= new Analyst(config));
  try {
    await mine.ready;
  } catch (error) {
    mine.close();
    if (analyst === mine) analyst = null; // the next try begins anew: a network may be back
    throw error;
  }
  contest.cancel();
  const wanted = JSON.stringify([modelsNow().map(({ file }) => file), isStream]);
  const values = { prior: settings.prior, temporal: temporalNow(), isNew };
  if (wanted === chosen) return analyst.ask("set", values);
  await analyst.ask("choose", { models: modelsNow(), isStream, ...values });
  chosen = wanted;
}

/** Draw a picture and what was found on it; `scale` leads from the boxes to its pixels. */
function draw(bitmap, faces, models, { scale = 1, chosen: marked = null, mirror = false } = {}) {
  const zoom = Math.max(1, LEAST_WIDTH_PX / bitmap.width) * (models.length > 1 ? PANEL_SCALE : 1);
  const [width, height] = [Math.round(bitmap.width * zoom), Math.round(bitmap.height * zoom)];
  if (canvas.width !== width * models.length || canvas.height !== height) {
    Object.assign(canvas, { width: width * models.length, height });
  }
  const style = { ...settings, mirror };
  models.forEach(({ classes }, at) => {
    const pick = ({ readings: all }) => all[at];
    drawFrame(context, bitmap, faces, { classes, pick, style, offsetX: at * width, zoom, scale: zoom * scale, chosen: marked });
  });
}

/** Where the camera's frames go: into the table and beside the picture. */
const cameraSink = {
  take(timeS, { faces }, models) {
    if (microphone) {
      const heard = microphone.look(faces, timeS, models[0].classes);
      const lines = listLines(heard, microphone.voice, models[0].classes);
      drawVoice(context, lines);
      showVoice(find("voice"), heard, lines);
    }
    if (table.model !== models[0]) table.clear(models[0]);
    table.add({ time_s: timeS }, faces, ({ readings: all }) => all[0]);
    readings.add(timeS, faces, models, settings.sureFrom);
    for (const id of ["snapshot", "save", "keep"]) find(id).disabled = false;
    if (table.isFull) say("The table is full; later frames are not in it. Save the results, then start anew.");
  },
  end: () => {},
};

/** Where frames take long, a graphics processor may try, while frames go on; the faster one takes over. */
async function compete(found, timeS) {
  const mine = loop;
  const choice = { models: modelsNow(), isStream: true, prior: settings.prior, temporal: temporalNow() };
  const faster = await contest.follow(found, timeS, pace.report(), choice);
  if (!faster) return;
  if (loop !== mine) return faster.close();
  const before = analyst;
  [analyst, firstId] = [faster, lastId]; // it has counted its faces anew
  before.ask("set", choice).finally(() => before.close()); // after the frame that it still reads
}

async function onFrame({ bitmap, timeS, cameMs }) {
  const [running, first] = [loop, firstId];
  try {
    const found = await analyst.look(bitmap, timeS, Boolean(microphone));
    for (const face of found.faces) lastId = Math.max(lastId, (face.id += first));
    if (running === loop && loop) {
      const models = findModels(found.models); // others may be chosen meanwhile
      lastSize = [found.bitmap.width, found.bitmap.height];
      draw(found.bitmap, found.faces, models, { mirror: loop.source.isCamera && settings.mirror });
      loop.sink.take(timeS, found, models);
      pace.finish(cameMs);
      hint("");
      if (loop?.source.isCamera) compete(found, timeS);
    }
    found.bitmap.close();
  } catch (error) {
    if (running === loop && loop) stop(error);
  }
}

/** Play a source; each frame and what was found goes to `sink`, and so does the end, with an error if there is one. */
function begin(source, sink) {
  stop();
  pace = new Pace();
  const mine = new FrameLoop(source, onFrame, () => pace.receive());
  loop = Object.assign(mine, { sink });
  [firstId, lastId] = [0, 0];
  source.video.onended = () => mine.working.then(() => loop === mine && stop());
  source.lost?.then(() => loop === mine && stop(new Error(CAMERA_LOST)));
  document.documentElement.dataset.state = "playing";
}

function stop(error = null) {
  numStops++;
  if (recording) toggleRecording();
  const ended = loop;
  loop = null;
  ended?.stop();
  microphone?.close();
  microphone = null;
  find("voice").replaceChildren();
  if (ended?.source.isCamera) hint("The camera is off.");
  find("start").textContent = "Start the camera";
  find("record").disabled = true;
  document.documentElement.dataset.state = "idle";
  if (error && ended?.source.isCamera) say(error.message);
  ended?.sink.end(error);
}

const media = new Media(find, config, {
  clear: () => showFiles(false),
  draw,
  hint(text) {
    context.clearRect(0, 0, canvas.width, canvas.height);
    hint(text);
  },
  models: modelsNow,
  pace: (text) => (find("pace").textContent = text),
  prepare,
  look: (bitmap) => analyst.look(bitmap, null),
  play: (source, take) =>
    new Promise((resolve, reject) => begin(source, { take, end: (error) => (error ? reject(error) : resolve()) })),
  say,
  settings: () => settings,
  stop: () => stop(),
});

/** Whether files are shown, in place of the camera. */
const hasFiles = () => document.documentElement.classList.contains("full");
function showFiles(isShown) {
  document.documentElement.classList.toggle("full", isShown);
  find("snapshot").textContent = isShown || config.purpose === "files" ? "Picture (PNG)" : "Snapshot";
  hint(isShown || config.purpose === "files" ? "" : "The camera is off.");
}

async function start() {
  if (loop?.source.isCamera) return stop();
  await media.clear();
  find("start").disabled = true;
  hint("Starting: the model is loaded once…");
  const before = numStops;
  await trying(async () => {
    // Both at once: while the person answers the browser's question the model loads.
    const camera = openCamera();
    let ears = null;
    const letGo = () => {
      ears?.close();
      camera.then(({ close }) => close(), () => {});
    };
    try {
      await prepare(true);
      if (settings.voice) ears = await Microphone.open(config, settings.voice);
      await camera;
    } catch (error) {
      letGo();
      if (numStops !== before) return;
      throw error;
    }
    if (numStops !== before) return letGo(); // consent was withdrawn, or files are shown, meanwhile
    begin(await camera, cameraSink);
    microphone = ears;
    table.clear(modelsNow()[0]);
    readings.clear(modelsNow());
    find("start").textContent = "Stop";
    find("record").disabled = false;
  });
  if (!loop && !hasFiles()) hint("The camera is off.");
  find("start").disabled = false;
}

async function takeFiles(files) {
  if (!files.length || find("work").hidden) return;
  if (!loop || loop.source.isCamera) stop(); // a camera that is being opened, too
  readings.clear([]);
  find("keep").disabled = true;
  showFiles(true);
  await media.add(files);
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
async function apply({ known = [], voice = null, ...changed }) {
  for (const item of known) {
    const model = { ...item, file: locate(item.file) };
    const before = config.models.find(({ name }) => name === model.name);
    if (JSON.stringify(before) === JSON.stringify(model)) continue; // a table belongs to one model
    config.models = [...config.models.filter((other) => other !== before), model];
  }
  const decisive = () => JSON.stringify([modelsNow(), settings.prior, media.hasVideo && temporalNow()]);
  const before = decisive();
  if (voice?.name !== settings.voice?.name && (!loop || loop.source.isCamera)) stop(); // it is asked for with the camera
  if (voice) voice = { ...voice, file: locate(voice.file), speech: locate(voice.speech) };
  settings = { ...settings, ...changed, voice };
  if (hasFiles()) return before === decisive() ? media.redraw() : media.again();
  if (analyst) await trying(() => prepare(true, false));
}

function tellPace() {
  const { analysedFps, receivedFps, p50Ms, p95Ms, numAnalysed, numReceived } = pace.report();
  if (!loop?.source.isCamera || !numAnalysed) return;
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
find("save").onclick = () => saveFile((hasFiles() ? media.toTable() : table).toBlob(), `results-${stamp()}.csv`);
const inputs = [find("file"), find("more")];
function takeChosen() {
  const files = inputs.flatMap((input) => [...input.files]);
  for (const input of inputs) input.value = "";
  takeFiles(files);
}
for (const input of inputs) input.onchange = takeChosen;
const mark = (isOver) => document.documentElement.classList.toggle("dropping", isOver);
document.ondragover = (event) => {
  event.preventDefault();
  mark(true);
};
document.ondragleave = () => mark(false);
document.ondrop = (event) => {
  event.preventDefault();
  mark(false);
  takeFiles([...event.dataTransfer.files]);
};
addEventListener("pagehide", () => stop());
setInterval(tellPace, 1000);
bindSettings(find, config, apply);
stop();
showFiles(false);
const obstacle = findObstacle();
if (obstacle) {
  agree(false);
  find("consent").hidden = true;
  say(obstacle);
} else {
  agree(config.mode === "embedded");
  takeChosen(); // files chosen while this script was on its way
}
if (config.offline) navigator.serviceWorker?.register(config.offline).catch(() => {});

/** What the workbench around an embedded page uses, and tests. */
globalThis.fer = {
  apply,
  report: () => pace.report(),
  heard: () => microphone?.heard ?? null,
  describe,
  onKeep(keep) {
    find("keep").hidden = false;
    find("keep").onclick = async () => keep({ csv: await table.toBlob().text(), model: table.model.name, size: lastSize });
  },
};
