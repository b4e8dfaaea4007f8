// A picture with its faces marked, and the list of them. Words of others are set as textContent only.

const MAX_PIXEL = 6; // screen pixels per pixel of the picture
const STEP = 1.4;
const ICONS = {
  out: "M5 12h14",
  in: "M5 12h14M12 5v14",
  whole: "M4 9V4h5M20 9V4h-5M4 15v5h5M20 15v5h-5",
  marks: "M2.5 12S6 5.5 12 5.5 21.5 12 21.5 12 18 18.5 12 18.5 2.5 12 2.5 12ZM12 9a3 3 0 1 0 0 6 3 3 0 0 0 0-6",
  screen: "M14 4h6v6M20 4l-7 7M10 20H4v-6M4 20l7-7",
};

const views = new WeakMap();

export default function ({ parentElement, data, setStateValue }) {
  let view = views.get(parentElement);
  if (!view) {
    view = new FacePicture(parentElement);
    views.set(parentElement, view);
  }
  view.want = () => setStateValue("wanted", data.id);
  view.update(data);
  return () => {
    view.close();
    views.delete(parentElement);
  };
}

function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "text") element.textContent = value;
    else if (value !== undefined && value !== null) element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

function makeIcon(path) {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  const line = document.createElementNS(space, "path");
  line.setAttribute("d", path);
  svg.append(line);
  return svg;
}

const percent = (value) => (value > 0 && value < 0.01 ? "< 1 %" : `${Math.round(100 * value)} %`);
const plural = (number, noun) => `${number || "no"} ${noun}${number === 1 ? "" : "s"}`;
const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

class FacePicture {
  constructor(parent) {
    this.parent = parent;
    this.title = make("h2");
    this.counts = make("div", { class: "counts", role: "group", "aria-label": "Show one apparent expression only" });
    this.image = make("img", { class: "picture", draggable: "false" });
    this.boxes = make("div", { class: "boxes" });
    this.card = make("div", { class: "card", "aria-hidden": "true", hidden: "" });
    this.tools = make("div", { class: "tools", role: "toolbar", "aria-label": "Picture" });
    this.stage = make("div", { class: "stage", role: "group" }, this.image, this.boxes, this.card, this.tools);
    this.list = make("ul", { class: "faces", "aria-label": "Faces" });
    this.body = make("div", { class: "body" }, this.stage, this.list);
    this.root = make("div", { class: "root" }, make("header", {}, this.title, this.counts), this.body);
    parent.append(this.root);
    this.zoom = 1;
    this.x = this.y = 0; // of the picture's corner on the stage
    this.current = 0; // the one tab stop among the faces
    this.active = null; // pointed at or focused
    this.open = new Set(); // all of its bars are shown
    this.only = null; // label that is shown alone
    this.pointers = new Map();
    this.addTools();
    this.listen();
  }

  addTools() {
    const add = (icon, label, act, keys) => {
      const button = make("button", { type: "button", "aria-label": label, title: keys ? `${label} (${keys})` : label });
      button.append(makeIcon(ICONS[icon]));
      button.addEventListener("click", act);
      this.tools.append(button);
      return button;
    };
    add("out", "Zoom out", () => this.zoomBy(1 / STEP), "-");
    add("in", "Zoom in", () => this.zoomBy(STEP), "+");
    this.wholeButton = add("whole", "Whole picture", () => this.showWhole(), "0");
    const marks = add("marks", "Hide the marks", () => {
      const hidden = this.stage.classList.toggle("bare");
      marks.setAttribute("aria-pressed", hidden);
    });
    marks.setAttribute("aria-pressed", "false");
    add("screen", "Full screen", () =>
      document.fullscreenElement ? document.exitFullscreen() : this.root.requestFullscreen(),
    );
  }

  listen() {
    const faceOf = (event) => event.target.closest?.("[data-face]");
    for (const side of [this.boxes, this.list]) {
      side.addEventListener("pointerover", (event) => {
        const face = faceOf(event);
        if (face && event.pointerType !== "touch") this.point(Number(face.dataset.face), side);
      });
      side.addEventListener("pointerleave", () => this.point(this.focused(), null));
      side.addEventListener("focusin", (event) => {
        const face = faceOf(event);
        if (!face) return;
        this.setCurrent(Number(face.dataset.face));
        this.point(this.current, side);
        if (side === this.boxes) this.bringIntoList(this.current);
      });
      side.addEventListener("focusout", () => this.point(null, null));
      side.addEventListener("keydown", (event) => this.handleKey(event, side));
    }
    this.boxes.addEventListener("click", (event) => {
      const face = faceOf(event);
      if (!face || (this.wasDragged && event.detail > 0)) return; // a key is no drag
      this.toggle(Number(face.dataset.face));
      this.bringIntoList(Number(face.dataset.face));
    });
    this.list.addEventListener("click", (event) => {
      if (event.target.closest(".toggle")) this.toggle(Number(faceOf(event).dataset.face));
    });
    this.stage.addEventListener("wheel", (event) => this.handleWheel(event), { passive: false });
    this.stage.addEventListener("dblclick", (event) => {
      if (!event.target.closest("button")) this.zoomBy(2, this.place(event));
    });
    this.stage.addEventListener("pointerdown", (event) => this.press(event));
    this.stage.addEventListener("pointermove", (event) => this.drag(event));
    for (const name of ["pointerup", "pointercancel"]) this.stage.addEventListener(name, (event) => this.release(event));
    this.observer = new ResizeObserver(() => this.layOut());
    this.observer.observe(this.root);
    this.onResize = () => this.layOut();
    window.addEventListener("resize", this.onResize);
  }

  close() {
    this.observer.disconnect();
    window.removeEventListener("resize", this.onResize);
    this.root.remove();
  }

  update(data) {
    const isNew = this.data?.id !== data.id;
    const isSame = !isNew && JSON.stringify(this.data) === JSON.stringify(data);
    const before = this.data;
    this.data = data;
    if (isSame) return;
    if (isNew) {
      this.zoom = 1;
      this.only = this.active = null;
      this.current = 0;
      this.open = new Set(data.faces.length <= 3 ? data.faces.keys() : []);
      this.sent = null;
    }
    if (isNew || before.preview !== data.preview) this.image.src = data.sharp || data.preview;
    if (data.sharp && data.sharp !== before?.sharp) this.replacePicture(data.sharp);
    this.image.alt = `${data.name} with ${plural(data.faces.length, "face")} marked`;
    this.stage.setAttribute("aria-label", this.image.alt);
    if (!data.faces.some((face) => face.label === this.only)) this.only = null;
    this.drawAnswer();
    this.drawFaces();
    this.layOut();
  }

  replacePicture(address) {
    const picture = new Image();
    picture.onload = () => {
      if (this.data.sharp === address) this.image.src = address;
    };
    picture.src = address;
  }

  drawAnswer() {
    const { faces } = this.data;
    const counts = new Map();
    for (const face of faces) {
      const entry = counts.get(face.label) || { label: face.label, color: face.color, number: 0 };
      counts.set(face.label, { ...entry, number: entry.number + 1 });
    }
    const sorted = [...counts.values()].sort((one, two) => two.number - one.number);
    const rest = sorted.map(({ number, label }) => `${number} ${label}`).join(", ");
    this.title.replaceChildren(
      make("span", { text: `${plural(faces.length, "face")}${rest ? ": " : ""}`.replace(/^./, (c) => c.toUpperCase()) }),
      make("span", { class: "unseen", text: rest }),
    );
    this.counts.replaceChildren(
      ...sorted.map(({ label, color, number }) => {
        const dot = make("i");
        dot.style.background = color;
        const chip = make(
          "button",
          { type: "button", class: "count", "aria-pressed": this.only === label, title: `Show only ${label}` },
          dot,
          make("b", { text: number }),
          make("span", { text: label }),
        );
        chip.addEventListener("click", () => {
          this.only = this.only === label ? null : label;
          for (const other of this.counts.children) other.setAttribute("aria-pressed", other === chip && this.only !== null);
          this.showOnly();
        });
        return chip;
      }),
    );
  }

  drawFaces() {
    const { faces } = this.data;
    this.root.classList.toggle("alone", !faces.length);
    this.boxes.replaceChildren(...faces.map((face, index) => this.drawBox(face, index)));
    this.list.replaceChildren(...faces.map((face, index) => this.drawEntry(face, index)));
    this.setCurrent(Math.min(this.current, faces.length - 1));
    if (faces.length) this.stage.removeAttribute("tabindex");
    this.showOnly();
  }

  drawBox(face, index) {
    const tag = make("span", { class: "tag" }, make("b", { text: `#${face.number}` }), make("span", { text: ` ${face.label}` }));
    const label = `Face ${face.number}: ${face.label}, ${percent(face.bars[0][1])}`;
    const box = make("button", { type: "button", class: "box", "data-face": index, "aria-label": label, tabindex: -1 }, tag);
    box.style.setProperty("--color", face.color);
    return box;
  }

  drawEntry(face, index) {
    const [, value] = face.bars[0];
    const label = make("span", { class: "label", text: face.label, title: face.label });
    const toggle = make(
      "button",
      { type: "button", class: "toggle", tabindex: -1, "aria-expanded": this.open.has(index) },
      make("img", { src: face.thumbnail, alt: `Face ${face.number}`, draggable: "false" }),
      make("span", { class: "number", text: `#${face.number}` }),
      label,
      make("span", { class: "value", text: percent(value) }),
      makeTrack(value, face.color),
    );
    const entry = make("li", { class: "face", "data-face": index }, toggle);
    if (this.open.has(index)) this.openEntry(entry, face);
    return entry;
  }

  openEntry(entry, face) {
    const shown = make("div", { class: "rest" }, makeBars(face.bars));
    for (const fact of face.facts) shown.append(make("p", { text: fact }));
    const zoom = make("button", { type: "button", class: "look", text: "Zoom to this face" });
    zoom.addEventListener("click", () => this.zoomTo(face));
    shown.append(zoom);
    entry.append(shown);
    entry.classList.add("open");
  }

  toggle(index) {
    const wasOpen = this.open.has(index);
    if (this.data.faces.length > 3) for (const other of [...this.open]) this.setOpen(other, false);
    this.setOpen(index, !wasOpen);
    this.setCurrent(index);
    this.keepInView(index);
  }

  setOpen(index, isOpen) {
    const entry = this.list.children[index];
    if (isOpen === this.open.has(index)) return;
    if (isOpen) {
      this.open.add(index);
      this.openEntry(entry, this.data.faces[index]);
    } else {
      this.open.delete(index);
      entry.querySelector(".rest").remove();
      entry.classList.remove("open");
    }
    entry.firstChild.setAttribute("aria-expanded", isOpen);
    this.boxes.children[index].classList.toggle("chosen", isOpen);
    if (this.active !== null) this.drawCard();
  }

  isShown(index) {
    return this.only === null || this.data.faces[index].label === this.only;
  }

  showOnly() {
    for (const index of this.data.faces.keys()) {
      this.list.children[index].hidden = !this.isShown(index);
      this.boxes.children[index].hidden = !this.isShown(index);
    }
    if (this.data.faces.length && !this.isShown(this.current)) {
      this.setCurrent(this.data.faces.findIndex((_, index) => this.isShown(index)));
    }
    this.layOut();
  }

  setCurrent(index) {
    for (const [position, box] of [...this.boxes.children].entries()) {
      box.tabIndex = position === index ? 0 : -1;
      this.list.children[position].firstChild.tabIndex = box.tabIndex;
    }
    this.current = Math.max(index, 0);
  }

  focused() {
    const face = this.parent.getRootNode().activeElement?.closest?.("[data-face]");
    return face ? Number(face.dataset.face) : null;
  }

  // Mark a face on both sides.
  point(index, side) {
    if (this.active !== null) {
      this.boxes.children[this.active]?.classList.remove("active");
      this.list.children[this.active]?.classList.remove("active");
    }
    this.active = index;
    this.stage.classList.toggle("pointing", index !== null);
    if (index === null) {
      this.card.hidden = true;
      return;
    }
    this.boxes.children[index].classList.add("active");
    this.list.children[index].classList.add("active");
    if (side === this.boxes) this.bringIntoList(index);
    if (side === this.list) this.keepInView(index);
    this.drawCard();
  }

  bringIntoList(index) {
    const entry = this.list.children[index];
    const { top, bottom } = this.list.getBoundingClientRect();
    const place = entry.getBoundingClientRect();
    if (this.list.scrollHeight <= this.list.clientHeight + 1) return; // the page itself stays where it is
    if (place.top < top) this.list.scrollTop -= top - place.top;
    else if (place.bottom > bottom) this.list.scrollTop += Math.min(place.bottom - bottom, place.top - top);
  }

  drawCard() {
    const face = this.data.faces[this.active];
    this.card.hidden = this.open.has(this.active) && !this.root.classList.contains("narrow"); // it is told beside
    const head = make("strong", { text: `#${face.number} ${face.label} · ${percent(face.bars[0][1])}` });
    this.card.replaceChildren(head, makeBars(face.bars.slice(0, this.data.topK)));
    this.card.style.setProperty("--color", face.color);
    const box = this.toScreen(face.box);
    const { offsetWidth: width, offsetHeight: height } = this.card;
    const right = box.x + box.width + 10;
    const x = right + width <= this.width ? right : box.x - width - 10;
    const left = x >= 0 ? x : clamp(box.x, 0, Math.max(0, this.width - width));
    const below = x >= 0 ? box.y : box.y + box.height + 8;
    this.card.style.transform = `translate(${left}px, ${clamp(below, 4, Math.max(4, this.height - height - 4))}px)`;
  }

  handleKey(event, side) {
    const step = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1] }[event.key];
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "+" || event.key === "=") this.zoomBy(STEP, this.middleOf(this.current));
    else if (event.key === "-") this.zoomBy(1 / STEP, this.middleOf(this.current));
    else if (event.key === "0") this.showWhole();
    else if (event.key === "Escape" && this.open.has(this.current)) this.setOpen(this.current, false);
    else if (event.key === "Home" || event.key === "End") this.focusFace(this.edge(event.key === "End"), side);
    else if (step && event.shiftKey) this.moveBy(-80 * step[0], -80 * step[1]);
    else if (step) this.focusFace(this.neighbour(step, side), side);
    else return;
    event.preventDefault();
  }

  edge(isLast) {
    const shown = [...this.data.faces.keys()].filter((index) => this.isShown(index));
    return shown[isLast ? shown.length - 1 : 0];
  }

  // The nearest face in a direction: what lies aside counts double, as in a menu of tiles.
  neighbour([right, down], side) {
    const here = side.children[this.current].getBoundingClientRect();
    let best = null;
    let least = Infinity;
    for (const index of this.data.faces.keys()) {
      if (index === this.current || !this.isShown(index)) continue;
      const there = side.children[index].getBoundingClientRect();
      const across = there.left + there.width / 2 - here.left - here.width / 2;
      const along = there.top + there.height / 2 - here.top - here.height / 2;
      const ahead = right * across + down * along;
      const aside = Math.abs(right ? along : across);
      if (ahead > 1 && ahead + 2 * aside < least) [best, least] = [index, ahead + 2 * aside];
    }
    return best ?? this.current;
  }

  focusFace(index, side) {
    this.setCurrent(index);
    const target = side === this.list ? this.list.children[index].firstChild : this.boxes.children[index];
    target.focus({ preventScroll: side !== this.list });
    this.keepInView(index);
  }

  // Layout

  layOut() {
    const data = this.data;
    if (!data || !this.root.isConnected) return;
    const [pictureWidth, pictureHeight] = data.size;
    const isFull = document.fullscreenElement !== null && this.root.matches(":fullscreen");
    const isNarrow = this.root.clientWidth < 640;
    this.root.classList.toggle("narrow", isNarrow);
    const room = this.findRoom(isNarrow && !isFull);
    this.width = this.stage.clientWidth;
    const natural = (this.width * pictureHeight) / pictureWidth;
    this.height = Math.round(isFull && !isNarrow ? room : clamp(natural, Math.min(220, room), room));
    this.stage.style.height = `${this.height}px`;
    this.fit = Math.min(this.width / pictureWidth, this.height / pictureHeight);
    this.image.style.width = `${pictureWidth * this.fit}px`;
    this.image.style.height = `${pictureHeight * this.fit}px`;
    this.layOutList(room, isNarrow);
    this.move(this.x, this.y);
  }

  // How high the picture may be, so that it ends with the screen.
  findRoom(isNarrow) {
    if (isNarrow) return Math.round(0.55 * window.innerHeight);
    let above = this.body.getBoundingClientRect().top;
    if (this.root.matches(":fullscreen")) return window.innerHeight - above - 16;
    for (let node = this.parent.host || this.parent; node; node = node.parentElement) above += node.scrollTop || 0;
    return Math.max(340, window.innerHeight - above - 20);
  }

  layOutList(room, isNarrow) {
    const number = this.data.faces.filter((_, index) => this.isShown(index)).length;
    const isSlim = number * 48 > room || isNarrow;
    const columns = isSlim && number > 1 && this.list.clientWidth >= 250 ? 2 : 1;
    const rows = Math.ceil(number / columns);
    this.list.style.setProperty("--columns", columns);
    const most = isNarrow && columns > 1 ? 36 : isSlim ? 44 : 64;
    this.list.style.setProperty("--row", `${clamp(Math.floor(room / rows) - 3, isNarrow ? 36 : 27, most)}px`);
    this.list.style.maxHeight = isNarrow ? "none" : `${Math.max(room, this.height)}px`;
  }

  toScreen([left, top, width, height]) {
    const scale = this.fit * this.zoom;
    return { x: this.x + left * scale, y: this.y + top * scale, width: width * scale, height: height * scale };
  }

  // Put the picture's corner at x, y, as far as the picture still fills the stage.
  move(x, y) {
    const keep = (value, shown, room) => (shown <= room ? (room - shown) / 2 : clamp(value, room - shown, 0));
    const [width, height] = this.data.size.map((side) => side * this.fit * this.zoom);
    this.x = keep(x, width, this.width);
    this.y = keep(y, height, this.height);
    this.image.style.transform = `translate(${this.x}px, ${this.y}px) scale(${this.zoom})`;
    this.stage.classList.toggle("zoomed", this.zoom > 1);
    this.wholeButton.disabled = this.zoom === 1;
    this.placeBoxes();
    if (this.active !== null) this.drawCard();
    this.askForPixels();
  }

  placeBoxes() {
    for (const [index, face] of this.data.faces.entries()) {
      const place = this.toScreen(face.box);
      const box = this.boxes.children[index];
      box.style.transform = `translate(${place.x}px, ${place.y}px)`;
      box.style.width = `${place.width}px`;
      box.style.height = `${place.height}px`;
    }
    this.placeTags();
  }

  // Tags neither overlap each other nor a face: where the label has no room the number is shown, else nothing.
  placeTags() {
    const shown = this.data.faces
      .map((face, index) => ({ index, place: this.toScreen(face.box), tag: this.boxes.children[index].firstChild }))
      .filter(({ index }) => this.isShown(index));
    for (const { tag } of shown) tag.className = "tag";
    const sizes = shown.map(({ tag }) => [tag.offsetWidth, tag.firstChild.offsetWidth + 8, tag.offsetHeight]);
    const taken = shown.map(({ place }) => place);
    for (const [position, { place, tag }] of shown.entries()) {
      const [full, short, height] = sizes[position];
      const above = { y: place.y - height, className: "tag above" };
      const below = { y: place.y + place.height, className: "tag below" };
      const choices = [full, short].flatMap((width) => [above, below].map((side) => ({ ...side, width, height })));
      const fits = choices.find(({ y, width }) => {
        const area = { x: clamp(place.x, 0, Math.max(0, this.width - width)), y, width, height };
        if (y < 0 || y + height > this.height || taken.some((other) => other !== place && overlap(area, other))) return false;
        taken.push(area);
        tag.style.left = `${area.x - place.x}px`;
        return true;
      });
      tag.className = fits ? `${fits.className}${fits.width === full ? "" : " short"}` : "tag none";
    }
  }

  askForPixels() {
    const { id, size, previewWidth, sharp } = this.data;
    const wanted = size[0] * this.fit * this.zoom * (window.devicePixelRatio || 1);
    if (sharp || this.sent === id || previewWidth >= size[0] || wanted <= previewWidth * 1.05) return;
    this.sent = id;
    this.want();
  }

  // Zoom

  get maxZoom() {
    return Math.max(4, MAX_PIXEL / this.fit);
  }

  place(event) {
    const area = this.stage.getBoundingClientRect();
    return [event.clientX - area.left, event.clientY - area.top];
  }

  middleOf(index) {
    const face = this.data.faces[index];
    if (!face || this.active === null) return undefined;
    const place = this.toScreen(face.box);
    return [place.x + place.width / 2, place.y + place.height / 2];
  }

  zoomBy(factor, [x, y] = [this.width / 2, this.height / 2]) {
    const zoom = clamp(this.zoom * factor, 1, this.maxZoom);
    const change = zoom / this.zoom;
    this.zoom = zoom;
    this.move(x - (x - this.x) * change, y - (y - this.y) * change);
  }

  zoomTo(face) {
    const [left, top, width, height] = face.box;
    this.zoom = clamp((0.4 * this.height) / (height * this.fit), 1, this.maxZoom);
    const scale = this.fit * this.zoom;
    this.move(this.width / 2 - (left + width / 2) * scale, this.height / 2 - (top + height / 2) * scale);
  }

  showWhole() {
    this.zoom = 1;
    this.move(0, 0);
  }

  moveBy(x, y) {
    this.move(this.x + x, this.y + y);
  }

  keepInView(index) {
    if (this.zoom === 1) return;
    const place = this.toScreen(this.data.faces[index].box);
    const shift = (start, length, room) => (start < 0 || start + length > room ? room / 2 - start - length / 2 : 0);
    this.moveBy(shift(place.x, place.width, this.width), shift(place.y, place.height, this.height));
  }

  // At rest the wheel scrolls the page wherever it can go that way.
  handleWheel(event) {
    const isPinch = event.ctrlKey || event.metaKey;
    if (!isPinch && this.zoom === 1 && (event.deltaY > 0 || this.isScrolled())) return;
    event.preventDefault();
    const lines = event.deltaMode === 1 ? 20 : 1;
    this.zoomBy(Math.exp(-clamp(event.deltaY * lines, -120, 120) * (isPinch ? 0.01 : 0.0025)), this.place(event));
  }

  isScrolled() {
    for (let node = this.parent.host || this.parent; node; node = node.parentElement) if (node.scrollTop > 0) return true;
    return false;
  }

  press(event) {
    if (event.target.closest(".tools") || event.button > 0) return;
    this.pointers.set(event.pointerId, this.place(event));
    this.wasDragged = false;
  }

  drag(event) {
    if (!event.buttons) this.release(event); // it was let go outside
    const before = this.pointers.get(event.pointerId);
    if (!before) return;
    const now = this.place(event);
    const others = [...this.pointers.entries()].filter(([id]) => id !== event.pointerId);
    if (!others.length && !this.wasDragged && Math.hypot(now[0] - before[0], now[1] - before[1]) < 4) return;
    if (others.length) {
      const fixed = others[0][1];
      const length = (point) => Math.max(Math.hypot(point[0] - fixed[0], point[1] - fixed[1]), 1);
      this.zoomBy(length(now) / length(before), fixed);
    } else if (this.zoom > 1) this.moveBy(now[0] - before[0], now[1] - before[1]);
    else return;
    if (!this.wasDragged) this.stage.setPointerCapture(event.pointerId);
    this.wasDragged = true;
    this.pointers.set(event.pointerId, now);
  }

  release(event) {
    this.pointers.delete(event.pointerId);
  }
}

function makeTrack(value, color) {
  const fill = make("i");
  fill.style.width = `${100 * clamp(value, 0, 1)}%`;
  fill.style.background = color;
  return make("span", { class: "track", "aria-hidden": "true" }, fill);
}

function makeBars(bars) {
  const rows = bars.map(([name, value, color]) =>
    make(
      "div",
      { class: "bar" },
      make("span", { class: "name", text: name, title: name }),
      makeTrack(value, color),
      make("span", { class: "value", text: percent(value) }),
    ),
  );
  return make("div", { class: "bars" }, ...rows);
}

function overlap(one, two) {
  return one.x < two.x + two.width && two.x < one.x + one.width && one.y < two.y + two.height && two.y < one.y + one.height;
}
