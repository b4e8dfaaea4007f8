// Which of two workers reads faces faster: measured on the frames that come, never told by a name.
import { Analyst } from "./analyst.js";

const AFTER = 30; // frames, so that the first seconds belong to the picture
const SLOW_MS = 33; // a frame: quicker ones keep up with any camera
const LENGTH_MS = 2000;
const MOST_MS = 60000; // with loading and preparing
const WARM_UP = 5; // a graphics processor's first runs prepare its programs
const [LEAST, MOST] = [8, 40];
const CLEARLY = 0.8; // of the time that it takes now; less would not be seen
const SAME = 0.1; // the rival begins later, so its averages differ; nonsense differs more

export const median = (values) => [...values].sort((a, b) => a - b)[values.length >> 1];

/** Whether two workers found the same on a frame. */
export function areAlike(ours, theirs) {
  if (ours.faces.length !== theirs.faces.length) return false;
  return ours.faces.every(({ box, readings }, at) => {
    const other = theirs.faces[at];
    const isNear = Math.abs(box.x - other.box.x) < box.width / 8;
    const rows = readings.map(({ probabilities }, model) => [probabilities, other.readings[model].probabilities]);
    return isNear && rows.every(([a, b]) => a.every((value, index) => Math.abs(value - b[index]) < SAME));
  });
}

/** A graphics processor that may be asked; null where there is none, or only one that a program plays. */
async function findAdapter() {
  try {
    const adapter = await navigator.gpu?.requestAdapter();
    return adapter && !(adapter.info?.isFallbackAdapter ?? adapter.isFallbackAdapter) ? adapter : null;
  } catch {
    return null;
  }
}

/** Lets a worker that uses the graphics processor read the same frames, until it is clear which is faster. */
export class Contest {
  constructor(config) {
    Object.assign(this, { config, state: config.runtime.gpu ? "waiting" : "over", rival: null });
    Object.assign(this, { times: [], rivalTimes: [], untilMs: Infinity, deadlineMs: Infinity, numSeen: 0 });
  }

  /** Follow a frame of which `found` is known; gives the worker that is to go on, or null: as before. */
  async follow(found, timeS, { numAnalysed, p50Ms }, choice) {
    if (this.state === "waiting" && numAnalysed >= AFTER) {
      if (p50Ms < SLOW_MS) this.end(); // nothing to gain, so nothing is loaded
      else this.open(choice);
    }
    if (performance.now() > this.deadlineMs) this.end(); // a graphics processor that needs so long helps nobody
    if (this.state !== "open" || this.isBusy) return null;
    this.isBusy = true;
    try {
      const answer = await this.rival.look(await createImageBitmap(found.bitmap), timeS);
      answer.bitmap.close();
      if (this.state !== "open") return null;
      const outcome = this.judge(found, answer, performance.now());
      if (outcome === "lost") this.end();
      return outcome === "won" ? this.hand() : null;
    } catch {
      this.end();
      return null;
    } finally {
      this.isBusy = false;
    }
  }

  /** Begin, while frames go on; whatever goes wrong is no loss. */
  async open(choice) {
    Object.assign(this, { state: "opening", deadlineMs: performance.now() + MOST_MS });
    try {
      if (!(await findAdapter())) return this.end();
      const { script, binary } = this.config.runtime.gpu;
      this.rival = new Analyst({ ...this.config, runtime: { script, binary, provider: "webgpu" } });
      await this.rival.ready;
      await this.rival.ask("choose", choice);
      if (this.state === "opening") this.state = "open";
    } catch {
      this.end();
    }
  }

  hand() {
    const { rival } = this;
    Object.assign(this, { rival: null, state: "over" });
    return rival;
  }

  /** Other settings were chosen: a contest that has begun was about what was before. */
  cancel() {
    if (this.state !== "waiting") this.end();
  }

  end() {
    this.hand()?.close();
  }

  judge(found, answer, nowMs) {
    if (++this.numSeen <= WARM_UP) return "goes on";
    if (!areAlike(found, answer)) return "lost";
    if (!this.times.length) this.untilMs = nowMs + LENGTH_MS;
    this.times.push(found.workMs);
    this.rivalTimes.push(answer.workMs);
    const isOver = this.times.length >= LEAST && (nowMs >= this.untilMs || this.times.length >= MOST);
    if (!isOver) return "goes on";
    return median(this.rivalTimes) < CLEARLY * median(this.times) ? "won" : "lost";
  }
}
