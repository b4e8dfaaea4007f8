// The table of results in the browser, and how its numbers are said. Joined with video_player.js.

const STEPS = 10000; // video_player.PROBABILITY_STEPS

/** The table of results: what is where in which frame. */
class Results {
  constructor({ classes, tracks, frames, faces, size, voices }) {
    const column = (table, name) => table.getChild(name).toArray();
    Object.assign(this, { tracks, size });
    this.times = column(frames, "time_s");
    this.cuts = column(frames, "is_cut");
    this.frame = column(faces, "frame");
    this.track = column(faces, "track");
    this.box = ["x", "y", "width", "height"].map((side) => column(faces, side));
    this.classes = classes.map((item, number) => ({ ...item, share: column(faces, `p${number}`) }));
    // What is heard, if somebody listened: a share of each class in every frame with a label.
    this.voices = voices?.map((item, number) => ({ ...item, share: column(frames, `v${number}`) }));
    this.speech = voices && column(frames, "speech");
    this.speaks = voices && column(faces, "speaks");
    this.numFrames = this.times.length;
    this.start = this.times[0];
    const last = this.times[this.numFrames - 1];
    this.end = last + (this.numFrames > 1 ? (last - this.start) / (this.numFrames - 1) : 0.04);
    this.firstRow = new Uint32Array(this.numFrames + 1);
    const count = new Uint32Array(tracks.length);
    this.frame.forEach((frame, row) => {
      this.firstRow[frame + 1]++;
      count[this.track[row]]++;
    });
    this.firstRow.forEach((_, frame, all) => frame && (all[frame] += all[frame - 1]));
    this.rowsOf = tracks.map((_, track) => new Uint32Array(count[track]));
    count.fill(0);
    this.track.forEach((track, row) => (this.rowsOf[track][count[track]++] = row));
  }

  /** The frame that is shown at a time in seconds. */
  frameAt(time) {
    let low = 0;
    let high = this.numFrames - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.times[middle] <= time + 1e-6) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  until(frame) {
    return frame + 1 < this.numFrames ? this.times[frame + 1] : this.end;
  }

  /** A time in the middle of the frame's own, so that no rounding shows its neighbour. */
  middle(frame) {
    return (this.times[frame] + this.until(frame)) / 2;
  }

  rowsAt(frame) {
    const [from, to] = [this.firstRow[frame], this.firstRow[frame + 1]];
    return Array.from({ length: to - from }, (_, index) => from + index);
  }

  rowOf(track, frame) {
    return this.rowsAt(frame).find((row) => this.track[row] === track);
  }

  top(row) {
    return this.classes.reduce((best, item) => (item.share[row] > best.share[row] ? item : best));
  }

  /** What a voice appears to express in a frame, in words. */
  heardAt(frame) {
    if (!this.speech?.[frame]) return "nobody speaks";
    const best = this.voices.reduce((top, item) => (!top || item.share[frame] > top.share[frame] ? item : top), null);
    return best?.share[frame] ? `${best.name} ${percent(best.share[frame] / STEPS)}` : "too short to say";
  }

  /** Sums of every class, and the number of rows, in each of `width` equal stretches of the video. */
  spread(rows, width) {
    const count = new Uint32Array(width);
    const sums = this.classes.map(() => new Float64Array(width));
    const scale = width / (this.end - this.start);
    for (const row of rows) {
      const frame = this.frame[row];
      const from = Math.min(width - 1, Math.floor((this.times[frame] - this.start) * scale));
      const to = Math.max(from + 1, Math.min(width, Math.floor((this.until(frame) - this.start) * scale)));
      for (let x = from; x < to; x++) {
        count[x]++;
        for (let number = 0; number < sums.length; number++) sums[number][x] += this.classes[number].share[row];
      }
    }
    return { count, sums };
  }
}

function add(parent, kind, className = "") {
  const item = document.createElement(kind);
  item.className = className;
  parent.append(item);
  return item;
}

function clear(canvas) {
  const scale = devicePixelRatio || 1;
  const width = (canvas.width = Math.max(1, Math.round(canvas.clientWidth * scale)));
  const height = (canvas.height = Math.max(1, Math.round(canvas.clientHeight * scale)));
  return [canvas.getContext("2d"), width, height];
}

function percent(share) {
  return `${Math.round(100 * share)} %`;
}

function say(results, row) {
  const { name, share } = results.top(row);
  return `${name} ${percent(share[row] / STEPS)}`;
}

function clock(seconds, digits) {
  const whole = Math.round(seconds * 10 ** digits) / 10 ** digits;
  const minutes = Math.floor(whole / 60);
  return `${minutes}:${(whole - 60 * minutes).toFixed(digits).padStart(digits ? digits + 3 : 2, "0")}`;
}
