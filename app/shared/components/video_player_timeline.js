// What is drawn of the whole video: the timeline of a face, the axis below it, a strip per face.
// Joined with video_player.js.

const MAX_MARKS = 9;
const GAP = "#8a8d91";

/** Stacked probabilities of a face over time; `only` is the class that is shown alone, or null. */
function drawCurves(canvas, results, track, only) {
  const [context, width, height] = clear(canvas);
  const { count, sums } = results.spread(results.rowsOf[track] ?? [], width);
  const base = new Float64Array(width);
  results.classes.forEach(({ color }, number) => {
    if (only !== null && only !== number) return;
    context.fillStyle = color;
    for (let x = 0; x < width; x++) {
      if (!count[x]) continue;
      const share = (sums[number][x] / count[x] / STEPS) * height;
      context.fillRect(x, height - base[x] - share, 1, share);
      base[x] += share;
    }
  });
  const [isEmpty, isCut] = drawMarks(context, results, width, height, getComputedStyle(canvas).color);
  return [count.some((number) => !number) && "▨ not in the picture", isEmpty && "▬ no face", isCut && "┆ cut"];
}

function drawMarks(context, results, width, height, color) {
  const scale = width / (results.end - results.start);
  const x = (time) => (time - results.start) * scale;
  const unit = devicePixelRatio || 1;
  let [isEmpty, isCut] = [false, false];
  for (let frame = 0; frame < results.numFrames; frame++) {
    if (results.firstRow[frame] === results.firstRow[frame + 1]) {
      isEmpty = true;
      context.fillStyle = GAP;
      const from = Math.floor(x(results.times[frame]));
      context.fillRect(from, height - 5 * unit, Math.ceil(x(results.until(frame)) - from), 5 * unit);
    }
    if (results.cuts[frame]) {
      isCut = true;
      context.fillStyle = color;
      for (let y = 0; y < height; y += 8 * unit) context.fillRect(x(results.times[frame]) - unit / 2, y, unit, 5 * unit);
    }
  }
  return [isEmpty, isCut];
}

/** Stacked probabilities of the voice over time, above a band where somebody speaks. */
function drawVoice(canvas, results) {
  const { voices, speech, times, numFrames, start, end } = results;
  const [context, width, height] = clear(canvas);
  const scale = width / (end - start);
  const band = 5 * (devicePixelRatio || 1);
  const speechColor = getComputedStyle(canvas).color;
  for (let frame = 0; frame < numFrames; frame++) {
    if (!speech[frame]) continue;
    const x = Math.floor((times[frame] - start) * scale);
    const across = Math.max(1, Math.ceil((results.until(frame) - start) * scale) - x);
    context.fillStyle = speechColor;
    context.fillRect(x, height - band, across, band);
    let base = height - band;
    for (const { color, share } of voices) {
      const tall = (share[frame] / STEPS) * (height - band);
      context.fillStyle = color;
      context.fillRect(x, base - tall, across, tall);
      base -= tall;
    }
  }
}

/** The most probable class of a face over time, as a strip of colours. */
function drawStrip(canvas, results, track) {
  const [context, width, height] = clear(canvas);
  const { count, sums } = results.spread(results.rowsOf[track], width);
  for (let x = 0; x < width; x++) {
    if (!count[x]) continue;
    const best = sums.reduce((top, sum, number) => (sum[x] > sums[top][x] ? number : top), 0);
    context.fillStyle = results.classes[best].color;
    context.fillRect(x, 0, 1, height);
  }
}

function buildAxis(axis, { start, end }) {
  const steps = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600];
  const step = steps.find((item) => (end - start) / item < MAX_MARKS) ?? 7200;
  for (let time = Math.ceil(start / step) * step; time < end; time += step) {
    const mark = add(axis, "span");
    mark.style.left = `${(100 * (time - start)) / (end - start)}%`;
    mark.textContent = clock(time, step < 1 ? 1 : 0);
  }
}
