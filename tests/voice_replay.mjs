// Runs the browser's parts for voices over made sound and pictures, in Node, and tells what they found.
import fs from "node:fs";
import url from "node:url";
import zlib from "node:zlib";

const [, , assets, folder, runtime, binary] = process.argv;
const here = (path) => import(url.pathToFileURL(path));
const ort = await here(runtime);
Object.assign(ort.env.wasm, { numThreads: 1, wasmBinary: zlib.gunzipSync(fs.readFileSync(binary)) });
const { Hearing, readPicture } = await here(`${assets}/hearing.js`);
const { MouthWatcher, findSpeaker } = await here(`${assets}/mouths.js`);
const { fuse } = await here(`${assets}/microphone.js`);
const read = (name) => fs.readFileSync(`${folder}/${name}`);
const job = JSON.parse(read("job.json"));
const samples = new Float32Array(new Uint8Array(read("sound.bin")).buffer);

/** A model that answers with how bright its picture is; the detector of speech is the real one. */
const bright = {
  inputNames: ["input"],
  run: async ({ input }) => {
    const mean = input.data.reduce((sum, value) => sum + value, 0) / input.data.length;
    return { probabilities: { data: [mean, 1 - mean] } };
  },
};
const open = async (file) => (file === "model" ? bright : ort.InferenceSession.create(fs.readFileSync(file)));
const hearing = new Hearing({ ort, open });
await hearing.start(job.model);
const heard = [];
for (let start = 0; start < samples.length; start += job.block) {
  heard.push(await hearing.hear(samples.slice(start, start + job.block), Math.min(start + job.block, samples.length) / 16000));
}

const pictures = job.windows.map(([from, to]) => Array.from(readPicture(samples.slice(from, to), job.model).data));
const size = job.width * job.height * 3;
const bytes = new Uint8Array(read("frames.bin"));
const watcher = new MouthWatcher();
const frames = [];
for (let at = 0; at < bytes.length / size; at++) {
  const image = { data: bytes.subarray(at * size, (at + 1) * size), width: job.width, height: job.height, channels: 3 };
  frames.push(job.faces.map(({ id, box }) => ({ id, box })));
  watcher.look(image, frames.at(-1));
}
const moved = frames.map((faces) => faces.map((face) => face.moved));
const fused = job.fusions.map(({ face, faceClasses, voice, voiceClasses, learned }) => fuse(face, faceClasses, voice, voiceClasses, learned));
fs.writeFileSync(`${folder}/answer.json`, JSON.stringify({ heard, pictures, moved, speaker: findSpeaker(frames), fused }));
