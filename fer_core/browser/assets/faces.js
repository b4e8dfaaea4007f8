// The faces of a picture or frame as a table: a row for each, which can be chosen.
import { argMax, describe } from "./draw.js";

const SIDE_PX = 56;
const HEADS = ["Face", "Apparent expression", "Probable", "Right in", "Hard to read"];
const HINTS = { "Right in": "How often labels of such faces are right" };

export const make = (tag, { text = "", ...values } = {}, ...children) => {
  const element = Object.assign(document.createElement(tag), { textContent: text, ...values });
  element.append(...children);
  return element;
};

const percent = (share) => (share === null ? "" : `${Math.round(100 * share)} %`);

/** The shares of all classes, side by side. */
function makeStrip(probabilities, classes) {
  const strip = make("span", { className: "strip", ariaHidden: "true" });
  classes.forEach(({ color }, at) => {
    const part = make("span");
    Object.assign(part.style, { width: `${100 * probabilities[at]}%`, background: color });
    strip.append(part);
  });
  return strip;
}

function makeThumbnail(picture, { x, y, width, height }, scale) {
  const canvas = make("canvas", { width: SIDE_PX, height: SIDE_PX });
  const side = Math.max(width, height) * scale;
  const [left, top] = [(x + width / 2) * scale - side / 2, (y + height / 2) * scale - side / 2];
  canvas.getContext("2d").drawImage(picture, left, top, side, side, 0, 0, SIDE_PX, SIDE_PX);
  return canvas;
}

export class FaceTable {
  /** `onChoose` gets the id of the face that the user chose, or null. */
  constructor(place, onChoose) {
    Object.assign(this, { place, onChoose });
  }

  clear() {
    this.place.replaceChildren();
  }

  /** Show faces; `scale` leads from their boxes to the picture's pixels. */
  show(picture, scale, faces, models, { sureFrom, chosen }) {
    const focused = this.place.contains(document.activeElement) ? document.activeElement.dataset.id : null;
    const names = models.length > 1 ? [] : models[0].classes.map(({ name }) => name);
    const head = make("tr", {}, ...[...HEADS, ...names].map((text) => make("th", { text, scope: "col", title: HINTS[text] ?? "" })));
    const rows = faces.flatMap((face) =>
      models.map((model, at) => this.makeRow(face, at, { picture, scale, model, names, sureFrom, chosen })),
    );
    const table = make("table", {}, make("thead", {}, head), make("tbody", {}, ...rows));
    this.place.replaceChildren(...(faces.length ? [table] : []));
    if (focused) this.place.querySelector(`button[data-id="${focused}"]`)?.focus();
  }

  makeRow(face, at, { picture, scale, model, names, sureFrom, chosen }) {
    const reading = face.readings[at];
    const { label } = describe(reading, model.classes, sureFrom);
    const first = make("td");
    if (at === 0) {
      const button = make("button", { className: "face", title: "Mark it in the picture" });
      button.append(makeThumbnail(picture, face.box, scale), `#${face.id}`);
      button.dataset.id = face.id;
      button.setAttribute("aria-pressed", String(face.id === chosen));
      button.onclick = () => this.onChoose(face.id === chosen ? null : face.id);
      first.append(button);
    }
    const name = make("td", {}, make("strong", { text: label }), makeStrip(reading.probabilities, model.classes));
    if (!names.length) name.append(make("span", { className: "small", text: model.title }));
    const best = reading.probabilities[argMax(reading.probabilities)];
    const texts = [percent(best), percent(reading.expected), reading.flaws.join(", ")];
    texts.push(...names.map((_, index) => percent(reading.probabilities[index])));
    return make("tr", {}, first, name, ...texts.map((text) => make("td", { text })));
  }
}
