// Resampling as OpenCV does it, to the last bit, so that a crop here is the crop that Python takes.
// An image is { data, width, height, channels }: bytes, row by row; a fourth channel is never read.

/** The nearest whole number; halves go to the even one, as in OpenCV's cvRound. */
export function roundEven(value) {
  const low = Math.floor(value);
  const rest = value - low;
  if (rest !== 0.5) return rest < 0.5 ? low : low + 1;
  return low % 2 ? low + 1 : low;
}

const toByte = (value) => Math.min(255, Math.max(0, roundEven(value)));

export function makeImage(width, height, channels) {
  return { data: new Uint8Array(width * height * channels), width, height, channels };
}

const colors = (image) => Math.min(3, image.channels);

/** Sample an image through a 2 x 3 matrix from (column, row) to where it lies; outside, the edge goes on. */
export function warp(image, [[a, b, c], [d, e, f]], columns, rows) {
  const { data, width, height, channels } = image;
  const used = colors(image);
  const out = makeImage(columns, rows, used);
  const target = out.data;
  // OpenCV's fixed-point numbers: 10 bits for positions, 5 for the place between two pixels.
  const stepX = Int32Array.from({ length: columns }, (_, column) => roundEven(a * column * 1024));
  const stepY = Int32Array.from({ length: columns }, (_, column) => roundEven(d * column * 1024));
  const [lastX, lastY, stride] = [width - 1, height - 1, width * channels];
  const clamp = (value, last) => (value < 0 ? 0 : value > last ? last : value);
  let place = 0;
  for (let row = 0; row < rows; row++) {
    const startX = roundEven((b * row + c) * 1024) + 16;
    const startY = roundEven((e * row + f) * 1024) + 16;
    for (let column = 0; column < columns; column++) {
      const x = (startX + stepX[column]) >> 5;
      const y = (startY + stepY[column]) >> 5;
      const [wholeX, wholeY, partX, partY] = [x >> 5, y >> 5, x & 31, y & 31];
      const left = clamp(wholeX, lastX) * channels;
      const right = clamp(wholeX + 1, lastX) * channels;
      const top = clamp(wholeY, lastY) * stride;
      const bottom = clamp(wholeY + 1, lastY) * stride;
      const w11 = partX * partY;
      const w10 = 32 * partY - w11;
      const w01 = 32 * partX - w11;
      const w00 = 1024 - w11 - w10 - w01;
      for (let channel = 0; channel < used; channel++) {
        target[place++] =
          (data[top + left + channel] * w00 +
            data[top + right + channel] * w01 +
            data[bottom + left + channel] * w10 +
            data[bottom + right + channel] * w11 +
            512) >>
          10;
      }
    }
  }
  return out;
}

const MAX_SAMPLED_PX = 4096; // fer_core.framing

/** One square of an image, upright, as `fer_core.framing.extract_square` resamples it. */
export function extractSquare(image, square, width, height) {
  let factor = Math.ceil(square.side / Math.min(width, height));
  factor = Math.max(1, Math.min(factor, Math.floor(MAX_SAMPLED_PX / Math.max(width, height))));
  const [columns, rows] = [width * factor, height * factor];
  const angle = (square.roll * Math.PI) / 180;
  const exact = (value) => Math.round(value * 1e12) / 1e12;
  const [cos, sin, half] = [exact(Math.cos(angle)), exact(Math.sin(angle)), square.side / 2];
  const [stepX, stepY] = [square.side / columns, square.side / rows];
  const [fromX, fromY] = [stepX / 2 - half, stepY / 2 - half];
  const firstX = square.x + half + (cos * fromX - sin * fromY) - 0.5;
  const firstY = square.y + half + (sin * fromX + cos * fromY) - 0.5;
  const matrix = [
    [cos * stepX, -sin * stepY, firstX],
    [sin * stepX, cos * stepY, firstY],
  ];
  const sampled = warp(image, matrix, columns, rows);
  return factor > 1 ? resizeArea(sampled, width, height) : sampled;
}

/** Shrink by averaging over the area that a pixel covers (cv2.INTER_AREA). */
export function resizeArea(image, width, height) {
  const [scaleX, scaleY] = [image.width / width, image.height / height];
  if (scaleX < 1 || scaleY < 1) return enlargeArea(image, width, height);
  if (Number.isInteger(scaleX) && Number.isInteger(scaleY)) return averageBlocks(image, width, height);
  return averageParts(image, width, height);
}

function averageBlocks(image, width, height) {
  const { data, channels } = image;
  const used = colors(image);
  const [across, down] = [image.width / width, image.height / height];
  const out = makeImage(width, height, used);
  const share = Math.fround(1 / (across * down));
  const isQuarter = across === 2 && down === 2;
  let place = 0;
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      const first = (row * down * image.width + column * across) * channels;
      for (let channel = 0; channel < used; channel++) {
        let sum = 0;
        for (let y = 0; y < down; y++) {
          let from = first + y * image.width * channels + channel;
          for (let x = 0; x < across; x++, from += channels) sum += data[from];
        }
        out.data[place++] = isQuarter ? (sum + 2) >> 2 : roundEven(Math.fround(sum * share));
      }
    }
  }
  return out;
}

/** Which pixels of `from` make each of `to`, and with what weight. */
function listParts(from, to) {
  const scale = from / to;
  const [target, source, weight] = [[], [], []];
  const add = (at, pixel, share) => {
    target.push(at);
    source.push(pixel);
    weight.push(Math.fround(share));
  };
  for (let at = 0; at < to; at++) {
    const [start, end] = [at * scale, at * scale + scale];
    const cell = Math.min(scale, from - start);
    const last = Math.min(Math.floor(end), from - 1);
    const first = Math.min(Math.ceil(start), last);
    if (first - start > 1e-3) add(at, first - 1, (first - start) / cell);
    for (let pixel = first; pixel < last; pixel++) add(at, pixel, 1 / cell);
    if (end - last > 1e-3) add(at, last, Math.min(end - last, 1, cell) / cell);
  }
  return { target, source, weight, length: target.length };
}

function averageParts(image, width, height) {
  const { data, channels } = image;
  const used = colors(image);
  const out = makeImage(width, height, used);
  const [across, down] = [listParts(image.width, width), listParts(image.height, height)];
  const sums = new Float32Array(width * used);
  const line = new Float32Array(width * used);
  const write = (row) => {
    for (let index = 0; index < sums.length; index++) out.data[row * sums.length + index] = toByte(sums[index]);
  };
  for (let part = 0; part < down.length; part++) {
    const start = down.source[part] * image.width * channels;
    line.fill(0);
    for (let index = 0; index < across.length; index++) {
      const from = start + across.source[index] * channels;
      const to = across.target[index] * used;
      for (let channel = 0; channel < used; channel++) {
        line[to + channel] += Math.fround(data[from + channel] * across.weight[index]);
      }
    }
    const share = down.weight[part];
    const isNew = part === 0 || down.target[part] !== down.target[part - 1];
    if (isNew && part > 0) write(down.target[part - 1]);
    for (let index = 0; index < sums.length; index++) {
      const value = Math.fround(line[index] * share);
      sums[index] = isNew ? value : sums[index] + value;
    }
  }
  write(height - 1);
  return out;
}

function interpolate(image, width, height, listTaps) {
  const { data, channels } = image;
  const used = colors(image);
  const out = makeImage(width, height, used);
  const [across, down] = [listTaps(image.width, width), listTaps(image.height, height)];
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      for (let channel = 0; channel < used; channel++) {
        let sum = 0;
        for (const [y, shareY] of down[row]) {
          for (const [x, shareX] of across[column]) {
            sum += shareY * shareX * data[(y * image.width + x) * channels + channel];
          }
        }
        out.data[(row * width + column) * used + channel] = toByte(sum);
      }
    }
  }
  return out;
}

const between = (value, last) => Math.min(Math.max(value, 0), last);

/** What cv2.INTER_AREA does where it has to enlarge. */
function enlargeArea(image, width, height) {
  return interpolate(image, width, height, (from, to) =>
    Array.from({ length: to }, (_, at) => {
      const pixel = Math.floor((at * from) / to);
      const rest = at + 1 - ((pixel + 1) * to) / from;
      const share = rest <= 0 ? 0 : rest - Math.floor(rest);
      return [
        [between(pixel, from - 1), 1 - share],
        [between(pixel + 1, from - 1), share],
      ];
    }),
  );
}

/** Enlarge smoothly (cv2.INTER_CUBIC). */
export function resizeCubic(image, width, height) {
  const A = -0.75;
  const near = (t) => ((A + 2) * t - (A + 3)) * t * t + 1;
  const far = (t) => ((A * t - 5 * A) * t + 8 * A) * t - 4 * A;
  return interpolate(image, width, height, (from, to) =>
    Array.from({ length: to }, (_, at) => {
      const place = ((at + 0.5) * from) / to - 0.5;
      const pixel = Math.floor(place);
      const t = place - pixel;
      const shares = [far(1 + t), near(t), near(1 - t), far(2 - t)];
      return shares.map((share, index) => [between(pixel - 1 + index, from - 1), share]);
    }),
  );
}

/** Shrink or enlarge by a factor, as `detectors.base.resize` does. */
export function resize(image, scale) {
  if (scale === 1) return image;
  const side = (length) => Math.max(1, roundEven(length * scale));
  return (scale < 1 ? resizeArea : resizeCubic)(image, side(image.width), side(image.height));
}

/** One channel of the pixels nearest to a coarser grid (cv2.INTER_NEAREST). */
export function sampleNearest({ data, width, height, channels }, columns, rows, channel) {
  const out = makeImage(columns, rows, 1);
  const place = (at, from, to) => Math.min(Math.floor(at * (from / to)), from - 1);
  for (let row = 0, to = 0; row < rows; row++) {
    const start = place(row, height, rows) * width;
    for (let column = 0; column < columns; column++) {
      out.data[to++] = data[(start + place(column, width, columns)) * channels + Math.min(channel, channels - 1)];
    }
  }
  return out;
}

/** A part of an image; right and bottom are exclusive. */
export function cutOut({ data, width, channels }, left, top, right, bottom) {
  const out = makeImage(right - left, bottom - top, channels);
  for (let row = top; row < bottom; row++) {
    const from = (row * width + left) * channels;
    out.data.set(data.subarray(from, from + out.width * channels), (row - top) * out.width * channels);
  }
  return out;
}

/** Luma by ITU-R BT.601. */
export function toGrey(image) {
  if (image.channels === 1) return image;
  const { data, channels } = image;
  const out = makeImage(image.width, image.height, 1);
  for (let index = 0, from = 0; index < out.data.length; index++, from += channels) {
    out.data[index] = (data[from] * 9798 + data[from + 1] * 19235 + data[from + 2] * 3735 + 16384) >> 15;
  }
  return out;
}

/** A quarter turn counter-clockwise, `number` times (np.rot90). */
export function turnQuarters(image, number) {
  const { data, width, height, channels } = image;
  const used = colors(image);
  const isLying = number % 2 === 1;
  const out = makeImage(isLying ? height : width, isLying ? width : height, used);
  for (let row = 0, place = 0; row < out.height; row++) {
    for (let column = 0; column < out.width; column++) {
      const x = [column, width - 1 - row, width - 1 - column, row][number];
      const y = [row, column, height - 1 - row, height - 1 - column][number];
      const from = (y * width + x) * channels;
      for (let channel = 0; channel < used; channel++) out.data[place++] = data[from + channel];
    }
  }
  return out;
}
