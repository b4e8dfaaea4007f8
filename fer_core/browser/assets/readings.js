// Beside the picture: the main face's label and its last seconds, one a model.
import { describe, drawTimeline } from "./draw.js";
import { make } from "./faces.js";

const HISTORY_S = 30;
const REFRESH_MS = 250;

function makeSwatch(color) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 1 1");
  const square = document.createElementNS("http://www.w3.org/2000/svg", "rect");
  for (const [name, value] of [["width", 1], ["height", 1], ["fill", color]]) square.setAttribute(name, value);
  svg.append(square);
  return svg;
}

/** Which colour is which class. */
export function makeLegend(classes) {
  return make("ul", { className: "legend" }, ...classes.map(({ name, color }) => make("li", {}, makeSwatch(color), name)));
}

const mainFace = (faces) =>
  faces.reduce((best, face) => (best && best.box.width * best.box.height >= face.box.width * face.box.height ? best : face), null);

export class Readings {
  constructor(place) {
    Object.assign(this, { place, panels: [], shownMs: 0 });
  }

  /** Begin anew. */
  clear(models) {
    this.panels = models.map((model) => {
      const element = make("div", { className: "reading" });
      const title = models.length > 1 ? `Apparent expression: ${model.title}` : "Apparent expression";
      const [label, note, canvas] = [make("strong", { text: "–" }), make("span", { text: "no face in view" }), make("canvas")];
      element.append(make("span", { className: "small", text: title }), label, note, canvas, makeLegend(model.classes));
      return { model, element, label, note, canvas, points: [] };
    });
    this.place.replaceChildren(...this.panels.map(({ element }) => element));
    this.shownMs = 0;
  }

  add(timeS, faces, models, sureFrom) {
    const face = mainFace(faces);
    if (models.some((model, at) => model !== this.panels[at]?.model) || models.length !== this.panels.length) {
      this.clear(models);
    }
    this.panels.forEach(({ points }, at) => {
      points.push({ timeS, values: face?.readings[at].probabilities ?? null });
      while (points.length && timeS - points[0].timeS > HISTORY_S) points.shift();
    });
    const now = performance.now();
    if (now - this.shownMs < REFRESH_MS) return;
    this.shownMs = now;
    this.panels.forEach((panel, at) => this.show(panel, face?.readings[at], sureFrom));
  }

  show({ model, label, note, canvas, points }, reading, sureFrom) {
    if (!reading) {
      label.textContent = "–";
      note.textContent = "no face in view";
    } else {
      label.textContent = describe(reading, model.classes, sureFrom).label;
      const sure = `${Math.round(100 * Math.max(...reading.probabilities))} % probable`;
      const flaws = reading.flaws.length ? ` · hard to read: ${reading.flaws.join(" and ")}` : "";
      note.textContent = sure + flaws;
    }
    drawTimeline(canvas, points, model.classes, { seconds: HISTORY_S });
  }
}
