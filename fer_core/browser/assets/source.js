// Where pictures come from: the camera, or a file that the user chose. Nothing is sent anywhere.

const CAMERA = {
  video: { width: { ideal: 640 }, height: { ideal: 480 }, frameRate: { ideal: 30, max: 30 } },
  audio: false,
};
const MAX_SIDE_PX = 1280;
const REFUSALS = {
  NotAllowedError: "The browser refused the camera. Allow it in the address bar, then start again.",
  NotFoundError: "No camera was found. Connect one, then start again.",
  NotReadableError: "Another program uses the camera. Close it there, then start again.",
};

/** The camera's picture; ask for consent before. */
export async function openCamera() {
  if (!navigator.mediaDevices?.getUserMedia) {
    throw new Error("Browsers give a camera only to pages from localhost or https://.");
  }
  try {
    const stream = await navigator.mediaDevices.getUserMedia(CAMERA);
    return { video: await play(stream), isCamera: true, close: () => stream.getTracks().forEach((track) => track.stop()) };
  } catch (error) {
    throw new Error(REFUSALS[error.name] ?? `The camera can't be used: ${error.message}`);
  }
}

async function play(source) {
  const video = document.createElement("video");
  Object.assign(video, { muted: true, playsInline: true });
  if (source instanceof MediaStream) video.srcObject = source;
  else video.src = source;
  await video.play();
  return video;
}

/** A video file of the user's, or a picture as a bitmap. */
export async function openFile(file) {
  const isPicture = file.type.startsWith("image/");
  const address = isPicture ? "" : URL.createObjectURL(file);
  try {
    if (isPicture) return { bitmap: await shrink(await createImageBitmap(file)) };
    return { video: await play(address), isCamera: false, close: () => URL.revokeObjectURL(address) };
  } catch {
    throw new Error(`${file.name} can't be read by this browser. Take a JPEG or PNG picture, or an MP4 or WebM video.`);
  }
}

async function shrink(bitmap) {
  const scale = MAX_SIDE_PX / Math.max(bitmap.width, bitmap.height);
  if (scale >= 1) return bitmap;
  const [resizeWidth, resizeHeight] = [bitmap.width, bitmap.height].map((side) => Math.max(1, Math.round(side * scale)));
  return createImageBitmap(bitmap, { resizeWidth, resizeHeight, resizeQuality: "high" });
}

/** Hands the newest frame to `onFrame` whenever it has time; older ones are left out. A file waits for it. */
export class FrameLoop {
  constructor(source, onFrame, onReceived) {
    Object.assign(this, { source, onFrame, onReceived, isRunning: true, isBusy: false, waiting: null });
    this.next();
  }

  next() {
    const { video } = this.source;
    if (video.requestVideoFrameCallback) video.requestVideoFrameCallback((_, facts) => this.take(facts.mediaTime));
    else requestAnimationFrame(() => this.take(video.currentTime));
  }

  async take(timeS) {
    if (!this.isRunning) return;
    this.onReceived();
    const cameMs = performance.now();
    if (!this.source.isCamera) this.source.video.pause();
    const bitmap = await createImageBitmap(this.source.video);
    const frame = { bitmap, cameMs, timeS: this.source.isCamera ? cameMs / 1000 : timeS };
    this.waiting?.bitmap.close();
    this.waiting = frame;
    this.next();
    if (!this.isBusy) await this.work();
  }

  async work() {
    this.isBusy = true;
    while (this.isRunning && this.waiting) {
      const frame = this.waiting;
      this.waiting = null;
      await this.onFrame(frame);
      if (!this.source.isCamera && this.isRunning && !this.source.video.ended) await this.source.video.play();
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
