// Pictures and short videos of the user's: read one after the other, shown with their faces. They stay here.
import { scaleBox } from "./boxes.js";
import { drawTimeline } from "./draw.js";
import { FaceTable, make } from "./faces.js";
import { makeLegend } from "./readings.js";
import { grab, openFile } from "./source.js";
import { Table } from "./table.js";

export const MAX_FILES = 50;
const MAX_VIDEO_S = 300;
const NAME_LENGTH = 26;
const SHOWN_PX = 1600; // longer side of a picture on the page; it is read larger
const TABLE_EVERY_MS = 250;

/** Which of the frames, in the order of their times, is shown at a time: the last that has begun. */
export function findFrame(frames, timeS) {
  let [low, high] = [0, frames.length - 1];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (frames[middle].timeS <= timeS) low = middle;
    else high = middle - 1;
  }
  return frames[low];
}

/** Ids of the faces of a video, those that are there longest first. */
export function rankFaces(frames) {
  const counts = new Map();
  for (const { faces } of frames) for (const { id } of faces) counts.set(id, (counts.get(id) ?? 0) + 1);
  return [...counts.keys()].sort((a, b) => counts.get(b) - counts.get(a) || a - b);
}

const shorten = (name) => (name.length > NAME_LENGTH ? `${name.slice(0, NAME_LENGTH - 1)}…` : name);
const clock = (seconds) => `${Math.floor(seconds / 60)}:${(seconds % 60).toFixed(1).padStart(4, "0")}`;
const count = (number, word) => `${number} ${word}${number === 1 ? "" : "s"}`;

export class Media {
  /** `page` draws, asks the worker and tells: see app.js. */
  constructor(find, config, page) {
    Object.assign(this, { find, config, page, items: [], queue: [], reading: null, shown: null, chosen: null });
    this.faces = new FaceTable(find("faces"), (id) => this.choose(id));
    find("seek").oninput = () => this.seek(Number(find("seek").value));
    find("play").onclick = () => (this.video.paused ? this.video.play() : this.video.pause());
    find("curve").onpointerdown = (event) => this.point(event);
    find("curve").onpointermove = (event) => event.buttons && this.point(event);
    find("halt").onclick = () => this.rest();
    find("remove").onclick = () => this.remove();
    addEventListener("resize", () => this.drawCurve());
  }

  get hasVideo() {
    return this.items.some(({ isVideo }) => isVideo);
  }

  /** Take in files; those that can't be read say why. */
  async add(files) {
    const room = Math.max(0, MAX_FILES - this.items.length);
    const items = files.slice(0, room).map((file) => ({ file, state: "waiting", frames: [] }));
    this.items.push(...items);
    await this.show(null); // the first of the new ones is shown
    await this.read(items);
    const number = files.length - room;
    if (number > 0) this.page.say(`Up to ${MAX_FILES} files are shown; ${number} were left out. Remove some first.`);
  }

  /** Read all files again: the model, or what is expected, has changed. */
  async again() {
    const { items, shown } = this;
    this.halt();
    this.items = items;
    items.forEach((item) => Object.assign(item, { state: "waiting", frames: [] }));
    await this.show(null);
    await this.read([...items].sort((a, b) => Number(b === shown) - Number(a === shown)));
  }

  /** Read no further; what was found so far stays, a file that waits is forgotten. */
  halt() {
    this.isHalted = true;
    this.queue = [];
    this.items = this.items.filter(({ state }) => state !== "waiting");
    this.page.stop();
  }

  /** The same, as the user asks for it: then something that was read is shown. */
  async rest() {
    this.halt();
    await this.reading;
    if (!this.shown) await this.show(this.items[0] ?? null);
  }

  /** Forget all files. */
  clear() {
    this.halt();
    this.items = [];
    return this.show(null);
  }

  read(items) {
    this.queue.push(...items);
    this.reading ??= this.drain();
    return this.reading;
  }

  async drain() {
    this.find("halt").hidden = false;
    while (this.queue.length) {
      const item = this.queue.shift();
      this.renderChips();
      const place = this.items.length > 1 ? ` (${this.items.indexOf(item) + 1} of ${this.items.length})` : "";
      this.page.pace(`Reading ${item.file.name}${place}`);
      if (!this.shown) this.page.hint(`Reading ${item.file.name}…`);
      this.isHalted = false;
      let outcome = { state: "read", error: "" };
      try {
        await this.readOne(item);
      } catch (error) {
        outcome = { state: "failed", error: error.message };
      }
      if (this.queue.includes(item)) continue; // it is to be read anew
      Object.assign(item, outcome);
      if (this.isHalted && !item.frames.length) this.items = this.items.filter((other) => other !== item);
      if (!this.shown && this.items.includes(item)) await this.show(item);
    }
    this.reading = null;
    this.find("halt").hidden = true;
    this.renderChips();
    if (this.shown) this.page.pace(this.describe(this.shown));
  }

  async readOne(item) {
    const source = await openFile(item.file);
    Object.assign(item, { models: this.page.models(), frames: [] });
    if (source.bitmap) return this.readPicture(item, source);
    const { video } = source;
    await this.show(null); // its frames are shown as they are read
    Object.assign(item, { size: [video.videoWidth, video.videoHeight], isVideo: true, state: "reading" });
    if (video.duration > MAX_VIDEO_S && video.duration !== Infinity) {
      source.close();
      const [lasts, most] = [video.duration, MAX_VIDEO_S].map(clock);
      throw new Error(`${item.file.name} lasts ${lasts}; up to ${most} are read in a browser. Cut it, or read it on the server.`);
    }
    try {
      await this.page.prepare(true);
    } catch (error) {
      source.close();
      throw error;
    }
    if (this.isHalted) return source.close();
    await this.page.play(source, (timeS, { faces }) => {
      item.frames.push({ timeS, faces });
      this.page.pace(`Reading ${item.file.name}: ${clock(timeS)} of ${clock(video.duration)}`);
      if (timeS > MAX_VIDEO_S) this.page.stop();
    });
    if (!item.frames.length) throw new Error(`${item.file.name} shows no picture. Take another video.`);
  }

  async readPicture(item, { bitmap, scale }) {
    item.size = [bitmap.width / scale, bitmap.height / scale].map(Math.round);
    await this.page.prepare(false);
    const found = await this.page.look(bitmap);
    const faces = found.faces.map((face) => ({ ...face, box: scaleBox(face.box, 1 / scale) }));
    item.frames = [{ timeS: 0, faces }];
    found.bitmap.close();
  }

  /** Show one of the files, opened anew: only one is held as pixels. */
  async show(item) {
    this.close();
    Object.assign(this, { shown: item, chosen: null });
    this.renderChips();
    this.faces.clear();
    const isRead = Boolean(item?.frames.length);
    for (const id of ["player", "curve"]) this.find(id).hidden = !(isRead && item.isVideo);
    this.find("snapshot").disabled = !isRead;
    this.find("save").disabled = !isRead;
    this.page.hint("");
    this.page.say(item?.error ?? "");
    if (!this.reading) this.page.pace(item ? this.describe(item) : "");
    if (!this.items.length) return this.page.clear();
    if (!isRead) return;
    const source = await openFile(item.file, SHOWN_PX);
    if (this.shown !== item) return source.bitmap ? source.bitmap.close() : source.close();
    if (item.isVideo) this.openVideo(source, item);
    else {
      this.picture = source.bitmap;
      this.draw(item.frames[0]);
    }
    if (item.frames.every(({ faces }) => !faces.length)) {
      this.page.say("No face was found. Try one in which a face is larger and better lit.");
    }
  }

  describe({ file, size, frames, isVideo }) {
    if (!frames.length) return "";
    const faces = rankFaces(frames).length;
    return [file.name, `${size[0]} × ${size[1]} px`, ...(isVideo ? [count(frames.length, "frame")] : []), count(faces, "face")].join(" · ");
  }

  openVideo(source, item) {
    this.source = source;
    const { video } = source;
    const last = item.frames.at(-1).timeS;
    this.lengthS = Number.isFinite(video.duration) ? video.duration : last;
    this.find("seek").max = this.lengthS;
    this.chosen = rankFaces(item.frames)[0] ?? null;
    this.drawCurve();
    this.find("legend").replaceChildren(makeLegend(item.models[0].classes));
    const follow = async () => {
      if (this.source !== source) return;
      await this.drawVideo();
      if (video.requestVideoFrameCallback) video.requestVideoFrameCallback(follow);
      else requestAnimationFrame(follow);
    };
    video.onplay = video.onpause = video.onended = () => (this.find("play").textContent = video.paused ? "Play" : "Pause");
    video.onseeked = () => this.drawVideo();
    video.onplay();
    this.seek(0);
    follow();
  }

  get video() {
    return this.source.video;
  }

  async drawVideo() {
    const { source, shown } = this;
    if (!source || !shown.frames.length) return;
    const bitmap = await grab(source.video);
    if (this.source !== source) return bitmap.close();
    this.picture?.close();
    this.picture = bitmap;
    const timeS = source.video.currentTime;
    this.find("seek").value = timeS;
    this.find("clock").textContent = `${clock(timeS)} of ${clock(this.lengthS)}`;
    this.draw(findFrame(shown.frames, timeS));
  }

  /** The picture with its faces, and their table. */
  draw(frame) {
    const { shown, picture, chosen } = this;
    this.frame = frame;
    const scale = picture.width / shown.size[0];
    this.page.draw(picture, frame.faces, shown.models, { scale, chosen });
    const now = performance.now();
    if (this.source && !this.video.paused && now - (this.tableMs ?? 0) < TABLE_EVERY_MS) return;
    this.tableMs = now;
    this.faces.show(picture, scale, frame.faces, shown.models, { sureFrom: this.page.settings().sureFrom, chosen });
  }

  /** Draw what is shown anew: what is drawn has changed, not what was found. */
  redraw() {
    if (!this.picture) return;
    this.draw(this.frame);
    this.drawCurve();
  }

  choose(id) {
    this.chosen = id ?? (this.source ? (rankFaces(this.shown.frames)[0] ?? null) : null);
    this.redraw();
  }

  drawCurve() {
    if (!this.source) return;
    const points = this.shown.frames.map(({ timeS, faces }) => ({
      timeS,
      values: faces.find(({ id }) => id === this.chosen)?.readings[0].probabilities ?? null,
    }));
    drawTimeline(this.find("curve"), points, this.shown.models[0].classes, { seconds: this.lengthS, now: this.lengthS });
  }

  point({ offsetX, target }) {
    this.seek(Math.min(Math.max(offsetX / target.clientWidth, 0), 1) * this.lengthS);
  }

  seek(timeS) {
    this.video.currentTime = timeS;
  }

  renderChips() {
    const chips = this.items.map((item) => {
      const faces = count(rankFaces(item.frames).length, "face");
      const note = { waiting: "waiting", reading: "being read", failed: "can't be read", read: faces }[item.state];
      const chip = make("button", { className: "chip", text: `${shorten(item.file.name)} · ${note}`, title: item.file.name });
      chip.setAttribute("aria-pressed", String(item === this.shown));
      chip.disabled = Boolean(this.reading);
      chip.onclick = () => this.show(item).catch(({ message }) => this.page.say(message));
      return chip;
    });
    this.find("chips").replaceChildren(...chips);
    this.find("remove").hidden = !this.shown || Boolean(this.reading);
  }

  /** Forget the file that is shown. */
  async remove() {
    const at = this.items.indexOf(this.shown);
    this.items = this.items.filter((item) => item !== this.shown);
    await this.show(this.items[Math.min(at, this.items.length - 1)] ?? null);
  }

  /** The video that is shown as a table, or all pictures. */
  toTable() {
    const isVideo = Boolean(this.shown?.isVideo);
    const items = isVideo ? [this.shown] : this.items.filter((item) => !item.isVideo && item.frames.length);
    const table = new Table(isVideo ? this.config.columns : this.config.pictureColumns);
    table.clear(items[0].models[0]);
    for (const { file, frames } of items) {
      for (const { timeS, faces } of frames) table.add({ picture: file.name, time_s: timeS }, faces, ({ readings }) => readings[0]);
    }
    return table;
  }

  /** Let go of what is shown; what was found stays. */
  close() {
    this.picture?.close();
    this.source?.video.pause();
    this.source?.close();
    Object.assign(this, { picture: null, source: null, frame: null });
  }
}
