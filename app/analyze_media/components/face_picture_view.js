// Which part of the picture is on the stage, and the wheel, mouse and fingers that change it.

const MAX_PIXEL = 6; // screen pixels per pixel of the picture

class View {
  constructor(stage, outside, onMove) {
    Object.assign(this, { stage, outside, onMove });
    this.zoom = 1;
    this.x = this.y = 0; // of the picture's corner on the stage
    this.pointers = new Map();
    stage.addEventListener("wheel", (event) => this.handleWheel(event), { passive: false });
    stage.addEventListener("dblclick", (event) => {
      if (!event.target.closest("button")) this.zoomBy(2, this.place(event));
    });
    stage.addEventListener("pointerdown", (event) => this.press(event));
    stage.addEventListener("pointermove", (event) => this.drag(event));
    for (const name of ["pointerup", "pointercancel"]) stage.addEventListener(name, (event) => this.release(event));
  }

  // Show a picture of this size, in pixels, on a stage of that width and height.
  fitInto(width, height, size) {
    Object.assign(this, { width, height, size });
    this.fit = Math.min(width / size[0], height / size[1]);
    this.move(this.x, this.y);
  }

  toScreen([left, top, width, height]) {
    const scale = this.fit * this.zoom;
    return { x: this.x + left * scale, y: this.y + top * scale, width: width * scale, height: height * scale };
  }

  // Put the picture's corner at x, y, as far as the picture still fills the stage.
  move(x, y) {
    const keep = (value, shown, room) => (shown <= room ? (room - shown) / 2 : clamp(value, room - shown, 0));
    const [width, height] = this.size.map((side) => side * this.fit * this.zoom);
    this.x = keep(x, width, this.width);
    this.y = keep(y, height, this.height);
    this.onMove();
  }

  get maxZoom() {
    return Math.max(4, MAX_PIXEL / this.fit);
  }

  place(event) {
    const area = this.stage.getBoundingClientRect();
    return [event.clientX - area.left, event.clientY - area.top];
  }

  zoomBy(factor, [x, y] = [this.width / 2, this.height / 2]) {
    const zoom = clamp(this.zoom * factor, 1, this.maxZoom);
    const change = zoom / this.zoom;
    this.zoom = zoom;
    this.move(x - (x - this.x) * change, y - (y - this.y) * change);
  }

  zoomTo([left, top, width, height]) {
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

  keepInView(box) {
    if (this.zoom === 1) return;
    const place = this.toScreen(box);
    const shift = (start, length, room) => (start < 0 || start + length > room ? room / 2 - start - length / 2 : 0);
    this.moveBy(shift(place.x, place.width, this.width), shift(place.y, place.height, this.height));
  }

  // At rest the wheel scrolls the page wherever it can go that way.
  handleWheel(event) {
    const isPinch = event.ctrlKey || event.metaKey;
    if (!isPinch && this.zoom === 1 && (event.deltaY > 0 || ancestors(this.outside).some((node) => node.scrollTop > 0))) return;
    event.preventDefault();
    const lines = event.deltaMode === 1 ? 20 : 1;
    this.zoomBy(Math.exp(-clamp(event.deltaY * lines, -120, 120) * (isPinch ? 0.01 : 0.0025)), this.place(event));
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

function ancestors(node) {
  return node ? [node, ...ancestors(node.parentElement)] : [];
}
