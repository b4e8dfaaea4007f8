// What was found, as a table with the columns that `fer annotate` writes, and its CSV.
import { argMax } from "./draw.js";

const MAX_ROWS = 500000;
const FORMULA = /^[=+\-@\t\r]/;

/** A cell: quoted where it must be; a text that begins a formula has an apostrophe before it. */
function writeCell(value) {
  if (value === null || value === undefined) return "";
  if (typeof value !== "string") return String(value);
  const text = FORMULA.test(value) ? `'${value}` : value;
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

export class Table {
  constructor(columns) {
    this.columns = columns;
    this.clear(null);
  }

  /** Begin anew: one table holds what one model says. */
  clear(model) {
    Object.assign(this, { model, rows: [], numFrames: 0, isFull: false });
  }

  /** Take in one frame; `pick` chooses the model's answer of a face. */
  add(timeS, faces, pick) {
    const { model } = this;
    const frame = this.numFrames++;
    if (this.rows.length >= MAX_ROWS) {
      this.isFull = true;
      return;
    }
    const about = { frame, time_s: timeS, num_faces: faces.length };
    if (!faces.length) this.rows.push(about);
    for (const face of faces) {
      const { probabilities, expected, quality, flaws } = pick(face);
      const best = argMax(probabilities);
      const row = { ...about, track_id: face.id, ...face.box, expected_correctness: expected };
      Object.assign(row, { label: model.classes[best].name, confidence: probabilities[best] });
      Object.assign(row, { height_px: quality?.heightPx, sharpness: quality?.sharpness });
      Object.assign(row, { brightness: quality?.brightness, usable: quality ? !flaws.length : null });
      model.columns.forEach((name, at) => (row[name] = probabilities[at]));
      this.rows.push(row);
    }
  }

  toCsv() {
    const names = [...this.columns, ...this.model.columns];
    const lines = this.rows.map((row) => names.map((name) => writeCell(row[name])).join(","));
    return `${[names.map(writeCell).join(","), ...lines].join("\r\n")}\r\n`;
  }
}
