// Drawing: the picture with its faces, and the last seconds of the main one.

export const UNCERTAIN = "uncertain";
const UNKNOWN_COLOR = "#6c6f75";
const DARK = "rgba(16, 19, 24, 0.82)";

/** The place of the largest number. */
export const argMax = (values) => values.reduce((best, value, at) => (value > values[best] ? at : best), 0);

export const isUncertain = ({ expected }, sureFrom) => expected !== null && expected < sureFrom;

/** Label and colour of a face as they are shown. */
export function describe(reading, classes, sureFrom) {
  if (isUncertain(reading, sureFrom)) return { label: UNCERTAIN, color: UNKNOWN_COLOR };
  const { name, color } = classes[argMax(reading.probabilities)];
  return { label: name, color };
}

function listBars({ probabilities }, classes, topK) {
  const order = classes.map((item, at) => ({ ...item, share: probabilities[at] }));
  return order.sort((a, b) => b.share - a.share).slice(0, topK);
}

const overlaps = (a, b) => a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;

/** Where a panel has room: beside its face, else above or below; null if nowhere. */
function findPlace(box, size, frame, taken) {
  const { x, y } = box;
  const gap = 6;
  const top = Math.min(Math.max(y, 0), Math.max(0, frame.height - size.height));
  const left = Math.min(Math.max(x, 0), Math.max(0, frame.width - size.width));
  const places = [
    { x: x + box.width + gap, y: top },
    { x: x - size.width - gap, y: top },
    { x: left, y: y + box.height + gap },
    { x: left, y: y - size.height - gap },
  ].map((place) => ({ ...place, ...size }));
  const fits = (place) =>
    place.x >= 0 &&
    place.y >= 0 &&
    place.x + place.width <= frame.width &&
    place.y + place.height <= frame.height &&
    !taken.some((other) => overlaps(place, other));
  return places.find(fits) ?? null;
}

function drawPanel(context, place, face, line) {
  context.fillStyle = DARK;
  context.fillRect(place.x, place.y, place.width, place.height);
  context.fillStyle = face.color;
  context.fillRect(place.x, place.y, 3, place.height);
  context.fillStyle = "#ffffff";
  context.fillText(face.title, place.x + 9, place.y + line * 0.7);
  face.bars.forEach(({ name, color, share }, at) => {
    const y = place.y + line * (at + 1.35);
    const full = place.width - 15;
    context.fillStyle = "rgba(255, 255, 255, 0.16)";
    context.fillRect(place.x + 9, y, full, line * 0.8);
    context.fillStyle = face.isGrey ? UNKNOWN_COLOR : color;
    context.fillRect(place.x + 9, y, full * share, line * 0.8);
    context.fillStyle = "#ffffff";
    context.fillText(`${name} ${Math.round(100 * share)} %`, place.x + 13, y + line * 0.4);
  });
}

/**
 * Draw a picture and its faces into a part of a canvas. `pick` chooses the model's answer of a face; `zoom` leads
 * from the picture's pixels to the canvas', `scale` from those of the boxes; the face called `chosen` is marked.
 */
export function drawFrame(context, bitmap, faces, { classes, pick, style, offsetX, zoom, scale, chosen = null }) {
  const frame = { width: bitmap.width * zoom, height: bitmap.height * zoom };
  context.save();
  context.beginPath();
  context.rect(offsetX, 0, frame.width, frame.height);
  context.clip();
  context.translate(offsetX, 0);
  context.save();
  if (style.mirror) {
    context.translate(frame.width, 0);
    context.scale(-1, 1);
  }
  context.drawImage(bitmap, 0, 0, frame.width, frame.height);
  context.restore();
  const line = Math.max(15, Math.round(Math.min(frame.width, frame.height) / 26));
  context.font = `600 ${Math.round(line * 0.72)}px system-ui, sans-serif`;
  context.textBaseline = "middle";
  const shown = faces.map((face) => {
    const reading = pick(face);
    const { label, color } = describe(reading, classes, style.sureFrom);
    const { x, y, width, height } = face.box;
    const left = style.mirror ? frame.width / scale - x - width : x;
    const box = { x: left * scale, y: y * scale, width: width * scale, height: height * scale };
    const bars = listBars(reading, classes, style.topK);
    return { box, color, bars, title: `#${face.id} ${label}`, isGrey: label === UNCERTAIN, more: face.id === chosen ? 4 : 0 };
  });
  for (const { box, color, more } of shown) {
    for (const [thickness, paint] of [
      [5 + more, DARK],
      [3 + more, color],
    ]) {
      context.lineWidth = thickness;
      context.strokeStyle = paint;
      context.strokeRect(box.x, box.y, box.width, box.height);
    }
  }
  const taken = shown.map(({ box }) => box);
  for (const face of shown) {
    const texts = [face.title, ...face.bars.map(({ name }) => `${name} 100 %`)];
    const width = Math.max(...texts.map((text) => context.measureText(text).width)) + 20;
    const full = { width, height: line * (face.bars.length ? face.bars.length + 1.5 : 1.4) };
    const small = { width: context.measureText(face.title).width + 18, height: line * 1.4 };
    const others = taken.filter((box) => box !== face.box);
    let place = findPlace(face.box, full, frame, others);
    if (!place) {
      face.bars = [];
      const inside = { x: Math.max(0, face.box.x), y: Math.max(0, face.box.y), ...small };
      place = findPlace(face.box, small, frame, others) ?? inside;
    }
    taken.push(place);
    drawPanel(context, place, face, line);
  }
  context.restore();
}

/** Say in the picture's corner what is heard; nothing where nobody speaks. */
export function drawVoice(context, lines) {
  const { width, height } = context.canvas;
  const line = Math.max(15, Math.round(Math.min(width, height) / 26)) * 1.4;
  context.save();
  context.font = `600 ${Math.round(line * 0.51)}px system-ui, sans-serif`;
  context.textBaseline = "middle";
  lines.forEach(({ title, name, share, color }, at) => {
    const text = `${title}: ${name} ${share}`;
    const place = { x: 0, y: height - line * (lines.length - at), width: context.measureText(text).width + 18, height: line };
    drawPanel(context, place, { title: text, color, bars: [] }, line);
  });
  context.restore();
}

/** Stacked areas of all classes over the seconds until `now`: the wider a band, the more probable. */
export function drawTimeline(canvas, points, classes, { seconds, now = points.at(-1)?.timeS ?? 0 }) {
  const ratio = globalThis.devicePixelRatio || 1;
  const [width, height] = [canvas.clientWidth * ratio, canvas.clientHeight * ratio];
  if (!width) return;
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  const context = canvas.getContext("2d");
  context.clearRect(0, 0, width, height);
  const place = (timeS) => width * (1 + (timeS - now) / seconds);
  let below = points.map(() => 0);
  classes.forEach(({ color }, at) => {
    const above = points.map((point, index) => below[index] + (point.values ? point.values[at] : 0));
    context.fillStyle = color;
    points.forEach((point, index) => {
      const next = points[index + 1];
      if (!next?.values || !point.values || next.timeS - point.timeS > 1) return;
      const [x, end] = [place(point.timeS), place(next.timeS)];
      context.beginPath();
      context.moveTo(x, height * (1 - below[index]));
      context.lineTo(x, height * (1 - above[index]));
      context.lineTo(end + 0.5, height * (1 - above[index + 1]));
      context.lineTo(end + 0.5, height * (1 - below[index + 1]));
      context.fill();
    });
    below = above;
  });
}
