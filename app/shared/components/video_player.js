// One player: the video, the timeline of the chosen face below it, and this frame's probabilities beside it.
// Words of others (classes, names) are set as text, never as markup. All times come from the table of results:
// frames need not be equally far apart.

const players = new WeakMap();

export default function ({ parentElement, data, setTriggerValue }) {
  const root = parentElement.querySelector(".player");
  let player = players.get(root);
  if (player?.version === data.version) {
    player.drawAll(); // a new run of the page, or another theme
  } else {
    player?.close();
    player = new Player(root, new Results(data), data);
    players.set(root, player);
  }
  player.codes.mark = (event) => setTriggerValue("marked", event);
  player.codes.draw(data.events);
  const call = (player.lastCall = {});
  return () => {
    // Streamlit also ends calls that a later one has overtaken.
    if (player.lastCall !== call) return;
    player.close();
    players.delete(root);
  };
}

class Player {
  constructor(root, results, { version, source, name, has_sound, codes }) {
    this.root = root;
    this.results = results;
    this.version = version;
    this.find = (selector) => root.querySelector(selector);
    this.video = this.find("video");
    this.ended = new AbortController();
    this.frame = 0; // in the picture
    this.wanted = null; // where the user wants to be, until it is in the picture
    this.sought = null; // what the browser looks for, or looked for last
    this.only = null; // the class that is shown alone
    this.chosen = 0;
    const [width, height] = results.size.map((side) => side + (side % 2)); // the writer makes sides even
    Object.assign(this, { width, height });
    root.style.setProperty("--ratio", width / height);
    this.video.setAttribute("aria-label", `${name} with its faces marked`);
    this.find(".sound").hidden = !has_sound;
    root.classList.toggle("listens", Boolean(results.voices));
    for (const part of [".voice", ".heard"]) this.find(part).hidden = !results.voices;
    this.find(".side").hidden = !results.tracks.length;
    this.buildSide();
    buildAxis(this.find(".axis"), results);
    this.codes = new Codes(this, codes, () => {});
    this.listen();
    // The page's own address holds whatever path a proxy puts before it; the last part is this page's.
    this.video.src = location.pathname.replace(/\/[^/]*\/?$/, "") + source;
    this.watch();
    const faces = this.rows.map(({ face }) => face);
    this.on(this.video, "loadeddata", () => drawFaces(results, faces, this.video.src, [width, height], this.ended.signal));
    this.size = new ResizeObserver(() => this.drawAll());
    this.size.observe(this.find(".timeline"));
    this.choose(0);
  }

  close() {
    this.ended.abort();
    this.size.disconnect();
    this.video.removeAttribute("src");
    this.video.load();
    for (const part of [".faces", ".bars", ".list", ".axis"]) this.find(part).replaceChildren();
  }

  on(item, events, act) {
    for (const event of events.split(" ")) item.addEventListener(event, act, { signal: this.ended.signal });
  }

  // Which frame is in the picture

  /** Follow the pictures that the browser really shows; where it does not tell, its clock. */
  watch() {
    if (this.video.requestVideoFrameCallback) {
      const seen = (_, { mediaTime }) => {
        if (this.ended.signal.aborted) return;
        this.show(this.results.frameAt(mediaTime));
        this.video.requestVideoFrameCallback(seen);
      };
      this.video.requestVideoFrameCallback(seen);
      return;
    }
    const look = () => this.show(this.results.frameAt(this.video.currentTime));
    const run = () => {
      if (this.ended.signal.aborted || this.video.paused) return;
      look();
      requestAnimationFrame(run);
    };
    this.on(this.video, "play", run);
    this.on(this.video, "loadeddata seeked", look);
  }

  /** A frame has come into the picture. Browsers may tell of it when they have found a later one already: while the
   * video stands still, only the frame that the user wants ends the wait for it. */
  show(frame) {
    this.frame = frame;
    if (this.isFound && (frame === this.wanted || !this.video.paused)) this.wanted = null;
    this.update();
  }

  /** Bring a frame into the picture; while the browser looks for one, only the last that was asked for counts. */
  seek(frame) {
    this.wanted = Math.max(0, Math.min(this.results.numFrames - 1, frame));
    if (this.video.error) return this.show(this.wanted);
    if (!this.video.seeking) this.jump(this.wanted);
    this.moveCursor();
  }

  jump(frame) {
    this.sought = frame;
    this.video.currentTime = Math.min(this.results.middle(frame), (this.video.duration || Infinity) - 0.001);
  }

  get isFound() {
    return !this.video.seeking && this.sought === this.wanted;
  }

  get place() {
    return this.wanted ?? this.frame;
  }

  step(frames) {
    this.video.pause();
    this.seek(this.place + frames);
  }

  skip(seconds) {
    const from = this.results.times[this.place];
    this.seek(this.results.frameAt(Math.max(this.results.start, from + seconds)));
  }

  toggle() {
    if (this.video.paused) this.video.play().catch(() => {}); // the error event tells why
    else this.video.pause();
    if (this.isFound) this.wanted = null;
  }

  // What the user does

  listen() {
    const { video } = this;
    this.on(video, "seeked", () => {
      if (video.seeking || this.wanted === null) return; // the event may come when the next search has begun
      if (this.wanted !== this.sought) this.jump(this.wanted);
      else if (this.wanted === this.frame) this.wanted = null;
    });
    this.on(video, "play pause ended", () => {
      this.root.classList.toggle("playing", !video.paused);
      this.find(".play").setAttribute("aria-label", video.paused ? "Play" : "Pause");
      this.describe();
    });
    this.on(video, "error", () => (this.find(".problem").hidden = false));
    this.on(this.find(".play"), "click", () => this.toggle());
    this.on(this.find(".back"), "click", () => this.step(-1));
    this.on(this.find(".on"), "click", () => this.step(1));
    this.on(this.find(".screen"), "click", () => this.toggle());
    this.on(this.find(".speed"), "change", ({ target }) => (video.playbackRate = Number(target.value)));
    this.on(this.find(".sound"), "click", ({ currentTarget }) => {
      video.muted = !video.muted;
      currentTarget.setAttribute("aria-pressed", String(!video.muted));
    });
    this.on(this.find(".full"), "click", () => {
      if (document.fullscreenElement) document.exitFullscreen();
      else this.find(".stage").requestFullscreen?.();
    });
    this.on(this.root, "keydown", (event) => this.press(event));
    for (const part of [".timeline", ".voice"]) this.listenToTimeline(this.find(part));
  }

  listenToTimeline(timeline) {
    const frameAt = ({ clientX }) => {
      const { left, width } = timeline.getBoundingClientRect();
      const { start, end } = this.results;
      const share = Math.max(0, Math.min(1, (clientX - left) / width));
      return this.results.frameAt(start + share * (end - start));
    };
    this.on(timeline, "pointerdown", (event) => {
      if (event.button) return;
      timeline.setPointerCapture(event.pointerId);
      this.seek(frameAt(event));
    });
    this.on(timeline, "pointermove", (event) => {
      if (timeline.hasPointerCapture(event.pointerId)) this.seek(frameAt(event));
      this.hint(event.pointerType === "mouse" ? frameAt(event) : null);
    });
    this.on(timeline, "pointerleave", () => this.hint(null));
  }

  press(event) {
    const inList = this.find(".list").contains(event.target);
    const acts = {
      ArrowLeft: () => (event.shiftKey ? this.skip(-1) : this.step(-1)),
      ArrowRight: () => (event.shiftKey ? this.skip(1) : this.step(1)),
      PageUp: () => this.skip(-5),
      PageDown: () => this.skip(5),
      Home: () => this.seek(0),
      End: () => this.seek(this.results.numFrames - 1),
      ...(event.target.tagName !== "BUTTON" && { " ": () => this.toggle() }),
      ...(inList && {
        ArrowUp: () => this.choose(Math.max(0, this.chosen - 1), true),
        ArrowDown: () => this.choose(Math.min(this.results.tracks.length - 1, this.chosen + 1), true),
      }),
    };
    if (event.target.tagName === "SELECT" || event.ctrlKey || event.metaKey || event.altKey) return;
    if (!acts[event.key] && !this.codes.press(event)) return;
    event.preventDefault();
    event.stopPropagation();
    acts[event.key]?.();
  }

  /** Choose a face: its timeline and bars are shown; where it is not in the picture, its first frame. */
  choose(track, isFocused = false) {
    this.chosen = track;
    this.find(".list").querySelectorAll("[role=option]").forEach((row, number) => {
      row.setAttribute("aria-selected", String(number === track));
      row.tabIndex = number === track ? 0 : -1;
      if (number === track && isFocused) row.focus();
    });
    const rows = this.results.rowsOf[track];
    if (rows && this.results.rowOf(track, this.place) === undefined) this.seek(this.results.frame[rows[0]]);
    this.drawTimeline();
    this.update();
  }

  point(track, isOn) {
    for (const item of this.root.querySelectorAll(`[data-track="${track}"]`)) item.classList.toggle("hot", isOn);
  }

  listenToFace(item, getTrack, isFocused) {
    this.on(item, "click", (event) => {
      event.stopPropagation();
      this.choose(getTrack(), isFocused);
    });
    this.on(item, "pointerenter", () => this.point(getTrack(), true));
    this.on(item, "pointerleave", () => this.point(getTrack(), false));
  }

  // What is drawn once

  buildSide() {
    this.bars = this.results.classes.map(({ name, color }, number) => {
      const bar = add(this.find(".bars"), "button", "bar");
      bar.type = "button";
      bar.title = "Show its curve alone";
      bar.setAttribute("aria-pressed", "false");
      bar.style.setProperty("--color", color);
      add(bar, "span", "name").textContent = name;
      const track = add(bar, "span", "track");
      track.setAttribute("aria-hidden", "true");
      const parts = { bar, fill: add(track, "i", "fill"), mean: add(track, "i", "mean"), value: add(bar, "span", "value") };
      this.on(bar, "click", () => {
        this.only = this.only === number ? null : number;
        this.bars.forEach((other, index) => other.bar.setAttribute("aria-pressed", String(index === this.only)));
        this.drawTimeline();
      });
      return parts;
    });
    this.rows = this.results.tracks.map(({ id }, track) => {
      const row = add(this.find(".list"), "div", "row");
      row.setAttribute("role", "option");
      row.dataset.track = track;
      const face = add(row, "canvas", "thumbnail");
      add(row, "b").textContent = `#${id}`;
      const label = add(row, "span", "label");
      const strip = add(row, "canvas", "strip");
      this.listenToFace(row, () => track, true);
      return { row, face, label, strip };
    });
    this.hits = [];
  }

  drawAll() {
    this.drawTimeline();
    if (this.results.voices) drawVoice(this.find(".voice canvas"), this.results);
    this.rows.forEach(({ strip }, track) => drawStrip(strip, this.results, track));
  }

  drawTimeline() {
    const words = drawCurves(this.find(".timeline canvas"), this.results, this.chosen, this.only);
    const key = this.find(".key");
    if (this.results.voices) words.push("lower strip: the voice, ▬ speech");
    key.textContent = words.filter(Boolean).join("   ");
    key.hidden = !key.textContent;
  }

  // What changes with every frame

  update() {
    const { results, frame } = this;
    this.root.dataset.frame = frame;
    const rows = results.rowsAt(frame);
    const rowOf = new Map(rows.map((row) => [results.track[row], row]));
    this.moveHits(rows);
    this.fillBars(rowOf.get(this.chosen));
    if (results.voices) this.tellVoice(rows);
    results.tracks.forEach(({ label }, track) => {
      const row = rowOf.get(track);
      const text = row === undefined ? `mostly ${label}` : say(results, row);
      const item = this.rows[track];
      if (item.label.textContent !== text) item.label.textContent = text;
      item.row.classList.toggle("away", row === undefined);
    });
    this.moveCursor();
  }

  moveHits(rows) {
    const { results, hits } = this;
    while (hits.length < rows.length) {
      const hit = add(this.find(".faces"), "div", "face");
      hits.push(hit);
      this.listenToFace(hit, () => Number(hit.dataset.track));
    }
    hits.forEach((hit, index) => {
      const row = rows[index];
      hit.hidden = row === undefined;
      if (hit.hidden) return;
      const [x, y, width, height] = results.box.map((side) => side[row]);
      const track = results.track[row];
      if (hit.dataset.track !== String(track)) hit.classList.remove("hot");
      hit.dataset.track = track;
      hit.title = `#${results.tracks[track].id} ${say(results, row)}`;
      hit.classList.toggle("chosen", track === this.chosen);
      Object.assign(hit.style, {
        left: `${(100 * x) / this.width}%`,
        top: `${(100 * y) / this.height}%`,
        width: `${(100 * width) / this.width}%`,
        height: `${(100 * height) / this.height}%`,
      });
    });
  }

  fillBars(row) {
    const track = this.results.tracks[this.chosen];
    if (!track) return;
    this.find(".who").textContent = `#${track.id} ${row === undefined ? "is not in this frame" : say(this.results, row)}`;
    this.bars.forEach(({ fill, mean, value }, number) => {
      const share = row === undefined ? 0 : this.results.classes[number].share[row] / STEPS;
      fill.style.transform = `scaleX(${share})`;
      value.textContent = row === undefined ? "" : percent(share);
      mean.style.left = `${100 * track.mean[number]}%`;
      mean.title = `mean of this face: ${percent(track.mean[number])}`;
    });
  }

  tellVoice(rows) {
    const speaker = rows.find((row) => this.results.speaks[row]);
    const whose = speaker === undefined ? "Voice" : `Voice of #${this.results.tracks[this.results.track[speaker]].id}`;
    this.find(".heard").textContent = `${whose}: ${this.results.heardAt(this.frame)}`;
  }

  moveCursor() {
    const { results, place } = this;
    const { start, end, times, numFrames } = results;
    this.root.dataset.cursor = place;
    for (const cursor of this.root.querySelectorAll(".cursor")) cursor.style.left = `${(100 * (times[place] - start)) / (end - start)}%`;
    this.find(".clock").textContent = `${clock(times[place], 2)} / ${clock(times[numFrames - 1], 2)}`;
    this.find(".place").textContent = `frame ${(place + 1).toLocaleString("en")}`;
    if (this.video.paused) this.describe();
  }

  /** For those who hear the page: only while it stands still, else it would never stop talking. */
  describe() {
    const timeline = this.find(".timeline");
    timeline.setAttribute("aria-valuemax", this.results.numFrames);
    timeline.setAttribute("aria-valuenow", this.place + 1);
    const words = `${clock(this.results.times[this.place], 2)}, ${this.find(".who").textContent}`;
    timeline.setAttribute("aria-valuetext", words);
  }

  hint(frame) {
    const hint = this.find(".hint");
    hint.hidden = frame === null;
    if (hint.hidden) return;
    const { results } = this;
    const row = results.rowOf(this.chosen, frame);
    const what = row !== undefined ? say(results, row) : results.rowsAt(frame).length ? "not in the picture" : "no face";
    const heard = results.voices ? ` · voice: ${results.heardAt(frame)}` : "";
    hint.textContent = `${clock(results.times[frame], 2)} · ${what}${heard}`;
    const share = (100 * (results.times[frame] - results.start)) / (results.end - results.start);
    hint.style.left = `${share}%`;
    hint.style.setProperty("--at", share); // which part of the hint is there, so that it never leaves the page
  }
}
