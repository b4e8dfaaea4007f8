// A picture with its faces marked, and the list of them. Words of others are set as textContent only.

const STEP = 1.4;

export default (place) =>
  mount(FacePicture, place, (picture) => (picture.want = () => place.setStateValue("wanted", place.data.id)));

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
    this.view = new View(this.stage, parent.host || parent, () => this.showView());
    this.current = 0; // the one tab stop among the faces
    this.active = null; // pointed at or focused
    this.open = new Set(); // all of its bars are shown
    this.only = null; // label that is shown alone
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
    add("out", "Zoom out", () => this.view.zoomBy(1 / STEP), "-");
    add("in", "Zoom in", () => this.view.zoomBy(STEP), "+");
    this.wholeButton = add("whole", "Whole picture", () => this.view.showWhole(), "0");
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
      if (!face || (this.view.wasDragged && event.detail > 0)) return; // a key is no drag
      this.toggle(Number(face.dataset.face));
      this.bringIntoList(Number(face.dataset.face));
    });
    this.list.addEventListener("click", (event) => {
      if (event.target.closest(".toggle")) this.toggle(Number(faceOf(event).dataset.face));
    });
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
      this.view.zoom = 1;
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
    zoom.addEventListener("click", () => this.view.zoomTo(face.box));
    shown.append(zoom);
    entry.append(shown);
    entry.classList.add("open");
  }

  toggle(index) {
    const wasOpen = this.open.has(index);
    if (this.data.faces.length > 3) for (const other of [...this.open]) this.setOpen(other, false);
    this.setOpen(index, !wasOpen);
    this.setCurrent(index);
    this.view.keepInView(this.data.faces[index].box);
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

  get shown() {
    return [...this.data.faces.keys()].filter((index) => this.only === null || this.data.faces[index].label === this.only);
  }

  showOnly() {
    const { shown } = this;
    for (const index of this.data.faces.keys()) {
      for (const side of [this.list, this.boxes]) side.children[index].hidden = !shown.includes(index);
    }
    if (shown.length && !shown.includes(this.current)) this.setCurrent(shown[0]);
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
    if (side === this.list) this.view.keepInView(this.data.faces[index].box);
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
    const { view } = this;
    const box = view.toScreen(face.box);
    const { offsetWidth: width, offsetHeight: height } = this.card;
    const right = box.x + box.width + 10;
    const x = right + width <= view.width ? right : box.x - width - 10;
    const left = x >= 0 ? x : clamp(box.x, 0, Math.max(0, view.width - width));
    const below = x >= 0 ? box.y : box.y + box.height + 8;
    this.card.style.transform = `translate(${left}px, ${clamp(below, 4, Math.max(4, view.height - height - 4))}px)`;
  }

  handleKey(event, side) {
    const step = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1] }[event.key];
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "+" || event.key === "=") this.view.zoomBy(STEP, this.middleOf(this.current));
    else if (event.key === "-") this.view.zoomBy(1 / STEP, this.middleOf(this.current));
    else if (event.key === "0") this.view.showWhole();
    else if (event.key === "Escape" && this.open.has(this.current)) this.setOpen(this.current, false);
    else if (event.key === "Home" || event.key === "End") this.focusFace(this.shown.at(event.key === "End" ? -1 : 0), side);
    else if (step && event.shiftKey) this.view.moveBy(-80 * step[0], -80 * step[1]);
    else if (step) this.focusFace(findNeighbour(side.children, this.shown, this.current, step), side);
    else return;
    event.preventDefault();
  }

  focusFace(index, side) {
    this.setCurrent(index);
    const target = side === this.list ? this.list.children[index].firstChild : this.boxes.children[index];
    target.focus({ preventScroll: side !== this.list });
    this.view.keepInView(this.data.faces[index].box);
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
    const width = this.stage.clientWidth;
    const natural = (width * pictureHeight) / pictureWidth;
    const height = Math.round(isFull && !isNarrow ? room : clamp(natural, Math.min(220, room), room));
    this.stage.style.height = `${height}px`;
    this.layOutList(room, isNarrow, height);
    this.view.fitInto(width, height, data.size);
  }

  // How high the picture may be, so that it ends with the screen.
  findRoom(isNarrow) {
    if (isNarrow) return Math.round(0.55 * window.innerHeight);
    let above = this.body.getBoundingClientRect().top;
    if (this.root.matches(":fullscreen")) return window.innerHeight - above - 16;
    for (const node of ancestors(this.view.outside)) above += node.scrollTop || 0;
    return Math.max(340, window.innerHeight - above - 20);
  }

  layOutList(room, isNarrow, height) {
    const number = this.shown.length;
    const isSlim = number * 48 > room || isNarrow;
    const columns = isSlim && number > 1 && this.list.clientWidth >= 250 ? 2 : 1;
    const rows = Math.ceil(number / columns);
    this.list.style.setProperty("--columns", columns);
    const most = isNarrow && columns > 1 ? 36 : isSlim ? 44 : 64;
    this.list.style.setProperty("--row", `${clamp(Math.floor(room / rows) - 3, isNarrow ? 36 : 27, most)}px`);
    this.list.style.maxHeight = isNarrow ? "none" : `${Math.max(room, height)}px`;
  }

  showView() {
    const { x, y, zoom, fit } = this.view;
    const [width, height] = this.data.size;
    this.image.style.width = `${width * fit}px`;
    this.image.style.height = `${height * fit}px`;
    this.image.style.transform = `translate(${x}px, ${y}px) scale(${zoom})`;
    this.stage.classList.toggle("zoomed", zoom > 1);
    this.wholeButton.disabled = zoom === 1;
    this.placeBoxes();
    if (this.active !== null) this.drawCard();
    this.askForPixels();
  }

  placeBoxes() {
    for (const [index, face] of this.data.faces.entries()) {
      const place = this.view.toScreen(face.box);
      const box = this.boxes.children[index];
      box.style.transform = `translate(${place.x}px, ${place.y}px)`;
      box.style.width = `${place.width}px`;
      box.style.height = `${place.height}px`;
    }
    const tags = this.shown.map((index) => ({
      place: this.view.toScreen(this.data.faces[index].box),
      tag: this.boxes.children[index].firstChild,
    }));
    placeTags(tags, this.view);
  }

  askForPixels() {
    const { id, size, previewWidth, sharp } = this.data;
    const wanted = size[0] * this.view.fit * this.view.zoom * (window.devicePixelRatio || 1);
    if (sharp || this.sent === id || previewWidth >= size[0] || wanted <= previewWidth * 1.05) return;
    this.sent = id;
    this.want();
  }

  middleOf(index) {
    const face = this.data.faces[index];
    if (!face || this.active === null) return undefined;
    const place = this.view.toScreen(face.box);
    return [place.x + place.width / 2, place.y + place.height / 2];
  }
}
