// Faces to be labelled by key. What is typed is sent with all that is not acknowledged yet, so that nothing is
// lost however messages are joined or dropped. Words of others are set as textContent only.

const AHEAD = 8; // pictures that should be here before they are needed
const RESEND_MS = 3000;
const GRID = 12;
const ZOOMS = [1, 1.4, 2, 3];

export default (place) =>
  mount(Labeller, place, (view) => (view.transmit = (message) => place.setTriggerValue("sent", message)));

const makeId = () => Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) => byte.toString(16).padStart(2, "0")).join("");

class Labeller {
  constructor(parent) {
    this.pictures = new Map(); // by face
    this.facts = new Map();
    this.unsaved = []; // votes that are not acknowledged
    this.front = []; // faces that come first: what was taken back
    this.skipped = [];
    this.history = []; // {face, before}
    this.page = []; // faces of the grid
    this.given = new Map(); // labels of these, as given now
    this.chosen = new Set(); // of several labels
    this.place = 0;
    this.zoom = 1;
    this.number = 0;
    this.version = null;
    this.build(parent);
    this.onKey = (event) => this.handleKey(event);
    window.addEventListener("keydown", this.onKey, true);
    this.timer = setInterval(() => this.resend(), RESEND_MS / 3);
  }

  close() {
    window.removeEventListener("keydown", this.onKey, true);
    clearInterval(this.timer);
    this.root.remove();
  }

  // The page

  build(parent) {
    this.bar = make("i");
    this.count = make("span", { class: "count" });
    this.state = make("span", { class: "state", role: "status" });
    const top = make("div", { class: "top" }, this.count, make("div", { class: "bar" }, this.bar), this.state);
    this.image = make("img", { class: "face", draggable: "false" });
    this.stage = make("div", { class: "stage" }, this.image);
    this.grid = make("ul", { class: "grid", hidden: "" });
    this.caption = make("p", { class: "caption" });
    this.guess = make("p", { class: "guess", hidden: "" });
    this.frame = make("img", { class: "frame", hidden: "" });
    this.end = make("div", { class: "end", hidden: "" });
    this.labels = make("div", { class: "labels", role: "group", "aria-label": "Labels" });
    this.tools = make("div", { class: "tools", role: "group", "aria-label": "Tools" });
    this.work = make(
      "div",
      { class: "work" },
      make("div", { class: "left" }, this.stage, this.grid, this.caption, this.guess, this.frame),
      make("div", { class: "right" }, this.labels, this.tools),
    );
    this.root = make("div", { class: "root" }, top, this.work, this.end);
    parent.append(this.root);
    this.buttons = {};
    for (const [name, words, key, act] of [
      ["undo", "Undo", "⌫", () => this.undo()],
      ["skip", "Skip", "→", () => this.skip()],
      ["several", "Several", "Shift", () => this.toggleSeveral()],
      ["done", "Done", "Enter", () => this.confirm()],
      ["zoom", "Zoom", "+ −", () => this.zoomBy(1, true)],
      ["frame", "Frame", "F", () => this.toggle("frame")],
      ["guess", "Model's guess", "G", () => this.toggle("guess")],
      ["grid", "Grid", "V", () => this.toggle("grid")],
    ]) {
      this.buttons[name] = this.addButton(this.tools, words, key, act, "tool");
    }
    this.shown = { frame: false, guess: false, grid: false };
  }

  addButton(place, words, key, act, kind, color) {
    const button = make("button", { type: "button", class: kind }, make("kbd", { text: key }), make("span", { text: words }));
    if (color) button.style.setProperty("--color", color);
    button.addEventListener("click", act);
    place.append(button);
    return button;
  }

  buildLabels(classes) {
    const words = JSON.stringify(classes);
    if (words === this.words) return;
    this.words = words;
    this.labels.replaceChildren();
    this.names = new Map();
    const add = (name, key, color) => {
      this.names.set(key, name);
      const button = this.addButton(this.labels, name, key.toUpperCase(), () => this.press(name), "label", color);
      button.dataset.label = name;
    };
    classes.forEach(({ name, color }, index) => add(name, String(index + 1), color));
    add(this.data.unsure, "u");
    add(this.data.noFace, "0");
  }

  update(data) {
    this.data = data;
    if (data.version !== this.version) {
      this.version = data.version;
      this.front = [];
      this.skipped = [];
      this.history = [];
      this.page = [];
      this.given.clear();
    }
    this.buildLabels(data.classes);
    this.remember(data.collection);
    const saved = new Set(data.saved);
    this.unsaved = this.unsaved.filter((vote) => !saved.has(vote.id));
    this.store();
    for (const item of data.queue) this.facts.set(item.face, item);
    for (const [face, picture] of Object.entries(data.pictures)) this.keep(face, picture);
    if (data.frame) this.frames = { face: data.frame.face, picture: data.frame.picture };
    if (saved.size) this.root.dispatchEvent(new CustomEvent("fer-saved", { detail: [...saved], bubbles: true, composed: true }));
    this.draw();
    if (this.lacksPictures() && !this.unsaved.length && !this.isAsking) {
      this.isAsking = true;
      this.send();
    } else this.isAsking = false;
  }

  // What is not saved outlives a reload of the tab, and a server that is gone for a while.
  remember(collection) {
    const place = `fer-unsaved-${collection}`;
    if (place === this.shelf) return;
    this.shelf = place;
    this.sentAt = 0;
    this.unsaved = JSON.parse(sessionStorage.getItem(place) || "[]");
  }

  store() {
    if (this.unsaved.length) sessionStorage.setItem(this.shelf, JSON.stringify(this.unsaved));
    else sessionStorage.removeItem(this.shelf);
  }

  keep(face, picture) {
    const image = new Image();
    image.src = picture; // decoded before it is shown
    this.pictures.set(face, image);
    if (this.pictures.size > 200) this.pictures.delete(this.pictures.keys().next().value);
  }

  // Which face it is

  get queue() {
    const waiting = new Set(this.unsaved.filter((vote) => vote.labels.length).map((vote) => vote.face));
    const skipped = new Set(this.skipped);
    const offered = this.data.queue.map((item) => item.face);
    const rest = offered.filter((face) => !waiting.has(face) && !skipped.has(face) && !this.front.includes(face));
    return [...this.front, ...rest];
  }

  get current() {
    return this.shown.grid ? this.page[this.place] : this.queue[0];
  }

  lacksPictures() {
    return this.queue.slice(0, AHEAD).some((face) => !this.pictures.has(face));
  }

  fillPage() {
    if (this.page.length && this.page.some((face) => !this.given.has(face))) return;
    this.page = this.queue.slice(0, GRID);
    this.given.clear();
    this.place = 0;
  }

  // What is drawn

  draw() {
    const { total, left } = this.data;
    const waiting = this.unsaved.filter((vote) => vote.labels.length).length;
    const open = Math.max(0, left - waiting);
    if (this.shown.grid) this.fillPage();
    const face = this.current;
    this.count.textContent = open ? `${open.toLocaleString("en")} to go` : "All done";
    this.bar.style.width = `${total ? (100 * (total - open)) / total : 100}%`;
    this.drawState();
    this.work.hidden = face === undefined;
    this.end.hidden = face !== undefined;
    if (face === undefined) this.drawEnd();
    else if (this.shown.grid) this.drawGrid();
    else this.drawFace(face);
    this.stage.hidden = this.shown.grid;
    this.grid.hidden = !this.shown.grid;
    this.drawMore(face);
    for (const button of this.labels.children) button.setAttribute("aria-pressed", this.chosen.has(button.dataset.label));
    this.buttons.done.hidden = !this.isSeveral;
    this.buttons.several.setAttribute("aria-pressed", Boolean(this.isSeveral));
    this.buttons.undo.disabled = !this.history.length && !this.data.last;
    for (const name of ["frame", "guess", "grid"]) this.buttons[name].setAttribute("aria-pressed", this.shown[name]);
  }

  drawState() {
    const isLate = this.unsaved.length && performance.now() - this.sentAt > RESEND_MS;
    const words = this.data.problem || (isLate ? "Not saved yet; trying again" : this.unsaved.length ? "Saving…" : "Saved");
    this.state.textContent = words;
    this.state.classList.toggle("bad", Boolean(this.data.problem || isLate));
    this.root.dataset.unsaved = this.unsaved.length;
  }

  drawFace(face) {
    const picture = this.pictures.get(face);
    if (this.root.dataset.face !== face || !this.image.src) {
      this.image.hidden = !picture;
      if (picture) this.image.src = picture.src;
    }
    this.root.dataset.face = picture ? face : "";
    this.image.alt = `Face ${Number(face)}`;
    this.image.style.transform = `scale(${ZOOMS[this.zoom]})`;
  }

  drawGrid() {
    const cells = this.page.map((face, index) => {
      const cell = make("button", { type: "button", class: "cell", "aria-label": `Face ${Number(face)}` });
      const picture = this.pictures.get(face);
      if (picture) cell.append(make("img", { src: picture.src, alt: "", draggable: "false" }));
      const labels = this.given.get(face);
      if (labels) cell.append(make("span", { class: "given", text: labels.join(", ") }));
      cell.classList.toggle("current", index === this.place);
      cell.addEventListener("click", () => {
        this.place = index;
        this.draw();
      });
      return make("li", {}, cell);
    });
    this.grid.replaceChildren(...cells);
    this.root.dataset.face = this.page[this.place] || "";
  }

  drawMore(face) {
    const facts = this.facts.get(face);
    this.caption.textContent = facts ? [facts.person, facts.clip, facts.time].filter(Boolean).join(" · ") : "";
    this.guess.hidden = !this.shown.guess || !facts;
    if (facts) this.guess.textContent = `Model: ${facts.guess.map(([name, share]) => `${name} ${Math.round(100 * share)} %`).join(", ")}`;
    const isHere = this.shown.frame && this.frames && this.frames.face === face;
    this.frame.hidden = !isHere;
    if (isHere && this.frame.src !== this.frames.picture) this.frame.src = this.frames.picture;
    this.frame.alt = "The picture that this face is from";
  }

  drawEnd() {
    const words = this.skipped.length ? "The rest was skipped." : this.data.total ? "Every face here has your label." : "No face here yet.";
    this.end.replaceChildren(make("strong", { text: words }));
    const offer = (text, act) => {
      const button = make("button", { type: "button", class: "tool", text });
      button.addEventListener("click", act);
      this.end.append(button);
    };
    const showSkipped = () => {
      this.skipped = [];
      this.send();
    };
    if (this.skipped.length) offer("Show the skipped ones", showSkipped);
    if (this.history.length || this.data.last) offer("Undo", () => this.undo());
    this.root.dataset.face = "";
  }

  // What people do

  handleKey(event) {
    const target = event.composedPath()[0];
    const isTyping = target.closest?.("input, textarea, select, [contenteditable=true], [role=combobox], [role=dialog]");
    if (isTyping || event.ctrlKey || event.metaKey || event.altKey || !this.root.isConnected || !this.root.offsetParent) return;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const digit = /^(Digit|Numpad)\d$/.test(event.code) ? event.code.slice(-1) : key; // with Shift, too
    const isButton = target.closest?.("button");
    const name = this.names?.get(digit);
    const acts = {
      Backspace: () => this.undo(),
      z: () => this.undo(),
      ArrowRight: () => this.skip(),
      f: () => this.toggle("frame"),
      g: () => this.toggle("guess"),
      v: () => this.toggle("grid"),
      "+": () => this.zoomBy(1),
      "-": () => this.zoomBy(-1),
      Escape: () => this.toggleSeveral(false),
    };
    if (!isButton) acts.Enter = () => this.confirm();
    const act = name ? () => this.press(name, event.shiftKey) : acts[key];
    if (!act || (event.repeat && name)) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    act();
  }

  press(name, isShift = false) {
    const isAlone = name === this.data.unsure || name === this.data.noFace;
    if ((isShift || this.isSeveral) && !isAlone) {
      this.isSeveral = true;
      if (!this.chosen.delete(name)) this.chosen.add(name);
      this.draw();
    } else this.give([name]);
  }

  confirm() {
    if (this.chosen.size) this.give([...this.chosen]);
  }

  toggleSeveral(isSeveral = !this.isSeveral) {
    this.isSeveral = isSeveral;
    if (!isSeveral) this.chosen.clear();
    this.draw();
  }

  give(labels) {
    const face = this.current;
    if (face === undefined || !this.pictures.has(face)) return; // nobody labels what is not seen
    this.isSeveral = false;
    this.chosen.clear();
    this.history.push({ face, before: this.given.get(face) || [] });
    this.front = this.front.filter((item) => item !== face);
    if (this.shown.grid) {
      this.given.set(face, labels);
      const open = this.page.findIndex((item, index) => index > this.place && !this.given.has(item));
      this.place = open >= 0 ? open : Math.max(0, this.page.findIndex((item) => !this.given.has(item)));
    }
    this.vote(face, labels);
  }

  undo() {
    const last = this.history.pop() || (this.data.last && { face: this.data.last, before: [] });
    if (!last) return;
    this.data.last = null;
    this.given.delete(last.face);
    this.skipped = this.skipped.filter((item) => item !== last.face);
    const place = this.page.indexOf(last.face);
    if (this.shown.grid && place >= 0) this.place = place;
    if (!last.before.length) this.front = [last.face, ...this.front.filter((item) => item !== last.face)];
    else this.given.set(last.face, last.before);
    if (last.isSkip) this.draw();
    else this.vote(last.face, last.before);
  }

  skip() {
    const face = this.current;
    if (face === undefined) return;
    if (this.shown.grid) this.place = (this.place + 1) % this.page.length;
    else {
      this.skipped.push(face);
      this.front = this.front.filter((item) => item !== face);
      this.history.push({ face, before: [], isSkip: true });
    }
    this.draw();
    this.send();
  }

  toggle(name) {
    this.shown[name] = !this.shown[name];
    this.page = [];
    this.given.clear();
    this.draw();
    if (name === "frame" && this.shown.frame) this.send();
  }

  zoomBy(step, isRound = false) {
    const next = this.zoom + step;
    this.zoom = isRound ? next % ZOOMS.length : clamp(next, 0, ZOOMS.length - 1);
    this.draw();
  }

  // What is sent

  vote(face, labels) {
    const { annotator, order } = this.data;
    this.unsaved = [...this.unsaved, { id: makeId(), face, labels, annotator, order }];
    this.store();
    this.draw();
    this.send();
  }

  send() {
    this.number += 1;
    this.sentAt = performance.now();
    const ahead = [...this.queue.slice(0, 3 * AHEAD), ...this.page];
    this.transmit({
      number: this.number,
      votes: this.unsaved,
      have: ahead.filter((face) => this.pictures.has(face)),
      want: this.front.filter((face) => !this.pictures.has(face)),
      skip: this.skipped.slice(-500),
      frame: this.shown.frame ? this.current || null : null,
    });
  }

  resend() {
    if (this.unsaved.length && performance.now() - this.sentAt > RESEND_MS) this.send();
    this.drawState();
  }
}
