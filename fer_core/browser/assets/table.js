// What was found, as a table with the columns that Python's commands write, and its CSV.
import { argMax } from "./draw.js";

const MAX_ROWS = 500000;
const LINES_PER_PART = 1000;
const FORMULA = /^[=+\-@\t\r]/;

/** A cell: quoted where it must be; a text that begins a formula has an apostrophe before it. */
function writeCell(value) {
  if (value === null || value === undefined) return "";
  if (typeof value !== "string") return String(value);
  const text = FORMULA.test(value) ? `'${value}` : value;
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

const writeLine = (cells) => `${cells.map(writeCell).join(",")}\r\n`;

/** Grows as text that the browser may put aside: hours of rows as objects would fill a tab's memory. */
export class Table {
  constructor(columns) {
    this.columns = columns;
    this.clear(null);
  }

  /** Begin anew: one table holds what one model says. */
  clear(model) {
    const names = [...this.columns, ...(model?.columns ?? [])];
    Object.assign(this, { model, names, parts: [], lines: [], numRows: 0, numFrames: 0 });
  }

  get isFull() {
    return this.numRows >= MAX_ROWS;
  }

  /** Take in one frame or picture; `about` is what is known of it, `pick` chooses the model's answer of a face. */
  add(about, faces, pick) {
    const common = { ...about, frame: this.numFrames++, num_faces: faces.length };
    if (this.isFull) return;
    if (!faces.length) this.write(common);
    faces.forEach((face, at) => this.write({ ...common, face: at + 1, ...this.describe(face, pick(face)) }));
  }

  describe(face, { probabilities, expected, quality, flaws }) {
    const { classes, columns } = this.model;
    const best = argMax(probabilities);
    const row = { track_id: face.id, ...face.box, expected_correctness: expected };
    Object.assign(row, { label: classes[best].name, confidence: probabilities[best] });
    Object.assign(row, { height_px: quality?.heightPx, sharpness: quality?.sharpness });
    Object.assign(row, { brightness: quality?.brightness, usable: quality ? !flaws.length : null });
    columns.forEach((name, at) => (row[name] = probabilities[at]));
    return row;
  }

  write(row) {
    this.numRows++;
    this.lines.push(writeLine(this.names.map((name) => row[name])));
    if (this.lines.length < LINES_PER_PART) return;
    this.parts.push(new Blob(this.lines));
    this.lines = [];
  }

  toBlob() {
    return new Blob([writeLine(this.names), ...this.parts, ...this.lines], { type: "text/csv" });
  }
}
