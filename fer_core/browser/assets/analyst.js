// The page's side of the worker.
import { listInside } from "./files.js";

/** Asks the worker; one question after the other. */
export class Analyst {
  constructor(config) {
    // Begun from a blob, the worker obeys the page's Content-Security-Policy.
    const files = listInside();
    const whole = files.get(config.worker); // no module: from a disk, browsers begin none
    const code = whole ?? new Blob([`import ${JSON.stringify(config.worker)};`], { type: "text/javascript" });
    const address = URL.createObjectURL(code);
    this.worker = new Worker(address, { type: whole ? "classic" : "module" });
    this.waiting = new Map();
    this.numAsked = 0;
    this.worker.onmessage = ({ data: { id, answer, error } }) => {
      const { resolve, reject } = this.waiting.get(id);
      this.waiting.delete(id);
      if (error) reject(new Error(error));
      else resolve(answer);
    };
    this.worker.onerror = () => this.fail("this browser can't run the program; take a newer one");
    this.ready = this.ask("open", { config, files }).finally(() => URL.revokeObjectURL(address));
  }

  fail(message) {
    for (const { reject } of this.waiting.values()) reject(new Error(message));
    this.waiting.clear();
  }

  ask(action, values = {}, moved = []) {
    const id = ++this.numAsked;
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve, reject });
      this.worker.postMessage({ id, action, ...values }, moved);
    });
  }

  /**
   * What is on a picture, which comes back with the answer; `timeS` is null for one by itself. Where somebody
   * `hears`, mouths are watched, too.
   */
  look(bitmap, timeS, hears = false) {
    return this.ask("look", { bitmap, timeS, hears }, [bitmap]);
  }

  close() {
    this.worker.terminate();
    this.fail("closed");
  }
}

/** Why this browser can't do it; empty if it can. */
export function findObstacle() {
  const needs = {
    WebAssembly: globalThis.WebAssembly,
    "background workers": globalThis.Worker,
    "drawing off the screen": globalThis.OffscreenCanvas && globalThis.createImageBitmap,
    unpacking: globalThis.DecompressionStream,
  };
  const missing = Object.keys(needs).filter((name) => !needs[name]);
  return missing.length ? `This browser lacks ${missing.join(", ")}. Take a newer one.` : "";
}
