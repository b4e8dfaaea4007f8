// Where pictures come from: the camera, or a file that the user chose. Nothing is sent anywhere.

const CAMERA = {
  video: { width: { ideal: 640 }, height: { ideal: 480 }, frameRate: { ideal: 30, max: 30 } },
  audio: false,
};
const MAX_SIDE_PX = 4096; // of a picture that is read
const REFUSALS = {
  NotAllowedError: "The browser refused the camera. Allow it in the address bar, then start again.",
  NotFoundError: "No camera was found. Connect one, then start again.",
  NotReadableError: "Another program uses the camera. Close it there, then start again.",
};

/** The camera's picture; ask for consent before. `lost` comes true when it is unplugged: the video only stands still then. */
export async function openCamera() {
  if (!navigator.mediaDevices?.getUserMedia) {
    throw new Error("Browsers give a camera only to pages from localhost or https://.");
  }
  try {
    const stream = await navigator.mediaDevices.getUserMedia(CAMERA);
    const lost = new Promise((resolve) => (stream.getVideoTracks()[0].onended = resolve));
    return { video: await play(stream), isCamera: true, lost, close: () => stream.getTracks().forEach((track) => track.stop()) };
  } catch (error) {
    throw new Error(REFUSALS[error.name] ?? `The camera can't be used: ${error.message}`);
  }
}

const makeVideo = () => Object.assign(document.createElement("video"), { muted: true, playsInline: true });

async function play(stream) {
  const video = Object.assign(makeVideo(), { srcObject: stream });
  await video.play();
  return video;
}

async function loadVideo(address) {
  const video = Object.assign(makeVideo(), { preload: "auto" });
  const loaded = new Promise((resolve, reject) => Object.assign(video, { onloadeddata: resolve, onerror: reject }));
  video.src = address;
  video.load();
  await loaded;
  if (!video.videoWidth) throw new Error("it has sound only");
  return video;
}

/** A video file of the user's, waiting at its begin; or a picture as a bitmap, `scale` times as large as it is. */
export async function openFile(file, mostPx = MAX_SIDE_PX) {
  const isPicture = file.type.startsWith("image/");
  const address = isPicture ? "" : URL.createObjectURL(file);
  try {
    if (isPicture) return await shrink(await createImageBitmap(file), mostPx);
    return { video: await loadVideo(address), isCamera: false, close: () => URL.revokeObjectURL(address) };
  } catch {
    if (address) URL.revokeObjectURL(address);
    throw new Error(`${file.name} can't be read by this browser. Take a JPEG or PNG picture, or an MP4 or WebM video.`);
  }
}

async function shrink(bitmap, mostPx) {
  const scale = mostPx / Math.max(bitmap.width, bitmap.height);
  if (scale >= 1) return { bitmap, scale: 1 };
  const [resizeWidth, resizeHeight] = [bitmap.width, bitmap.height].map((side) => Math.max(1, Math.round(side * scale)));
  const small = await createImageBitmap(bitmap, { resizeWidth, resizeHeight, resizeQuality: "high" });
  bitmap.close();
  return { bitmap: small, scale };
}

/**
 * The picture that a video shows, as a bitmap. Its pixels are copied where the browser can: Chromium without a
 * graphics processor keeps half a gigabyte of the frames that were drawn straight from a video.
 */
export async function grab(video) {
  let frame = null;
  try {
    frame = new VideoFrame(video);
    const { width, height } = frame.visibleRect;
    const isPlain = frame.rotation === 0 && !frame.flip && width === video.videoWidth && height === video.videoHeight;
    if (!isPlain) return await createImageBitmap(video);
    const pixels = new Uint8ClampedArray(frame.allocationSize({ format: "RGBA" }));
    await frame.copyTo(pixels, { format: "RGBA" });
    return await createImageBitmap(new ImageData(pixels, width, height));
  } catch {
    return createImageBitmap(video);
  } finally {
    frame?.close();
  }
}

/** Hands the newest frame to `onFrame` whenever it has time; older ones are left out. A file waits for it. */
export class FrameLoop {
  constructor(source, onFrame, onReceived) {
    Object.assign(this, { source, onFrame, onReceived, isRunning: true, isBusy: false, waiting: null });
    this.working = Promise.resolve();
    if (source.isCamera) this.next();
    else this.take(source.video.currentTime); // its first picture is there already
  }

  next() {
    const { video } = this.source;
    if (video.requestVideoFrameCallback) video.requestVideoFrameCallback((_, facts) => this.take(facts.mediaTime));
    else requestAnimationFrame(() => this.take(video.currentTime));
  }

  async take(timeS) {
    if (!this.isRunning) return;
    if (!this.source.isCamera && timeS === this.lastS) return this.next(); // drawn again, while it waits
    this.lastS = timeS;
    this.onReceived();
    const cameMs = performance.now();
    if (!this.source.isCamera) this.source.video.pause();
    const bitmap = await grab(this.source.video);
    const frame = { bitmap, cameMs, timeS: this.source.isCamera ? cameMs / 1000 : timeS };
    if (!this.isRunning) return bitmap.close();
    this.waiting?.bitmap.close();
    this.waiting = frame;
    this.next();
    if (!this.isBusy) this.working = this.work();
  }

  /** A file plays on; one that has ended tells so itself, and a pause may come between. */
  goOn() {
    if (!this.source.video.ended) this.source.video.play().catch(() => {});
  }

  async work() {
    this.isBusy = true;
    while (this.isRunning && this.waiting) {
      const frame = this.waiting;
      this.waiting = null;
      await this.onFrame(frame);
      if (!this.source.isCamera && this.isRunning) this.goOn();
    }
    this.isBusy = false;
  }

  stop() {
    this.isRunning = false;
    this.waiting?.bitmap.close();
    this.waiting = null;
    this.source.video.pause();
    this.source.video.srcObject = null;
    this.source.video.removeAttribute("src");
    this.source.close();
  }
}

/** Saves bytes on the user's own disk. */
export function saveFile(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}

/** A recording of a canvas, for the user's disk. */
export class Recording {
  constructor(canvas) {
    const type = ["video/mp4", "video/webm"].find((item) => MediaRecorder.isTypeSupported(item));
    this.ending = type === "video/mp4" ? "mp4" : "webm";
    this.parts = [];
    this.recorder = new MediaRecorder(canvas.captureStream(), { mimeType: type });
    this.recorder.ondataavailable = ({ data }) => this.parts.push(data);
    this.recorder.start(1000);
  }

  stop() {
    return new Promise((resolve) => {
      this.recorder.onstop = () => resolve(new Blob(this.parts, { type: this.recorder.mimeType }));
      this.recorder.stop();
    });
  }
}
