// Runs the browser's engine over made frames and tells what it found: in Node as a program, in a page as a module.

/** `job` is what browser_support.py writes; `load` gets a file's bytes, `modules` are the engine's. */
export async function replay({ Engine, extractCrop, resize }, ort, load, job) {
  const bytes = await load(job.frames);
  const { width, height } = job;
  const size = width * height * 3;
  const picture = (index) => ({ data: bytes.subarray(index * size, (index + 1) * size), width, height, channels: 3 });
  const engine = new Engine(ort, load, job);
  await engine.start(job.models, { isStream: true });
  engine.setPrior(job.prior);
  const frames = [];
  for (let index = 0; index < job.times.length; index++) frames.push(await engine.step(picture(index), job.times[index]));
  // Crops of the boxes that Python found, so that no rounding of a box hides a wrong pixel.
  const crops = job.boxes.flatMap((boxes, index) =>
    boxes.map((box) => Array.from(extractCrop(picture(index), box, job.models[0].input).data)),
  );
  const resized = job.scales.map((scale) => Array.from(resize(picture(0), scale).data));
  // Pictures by themselves, which are searched more finely.
  await engine.start(job.models, { isStream: false });
  engine.setPrior(job.prior);
  const looks = [];
  for (const { file, ...size } of job.pictures) looks.push(await engine.look({ data: await load(file), ...size, channels: 3 }));
  return { frames, crops, resized, looks };
}

const NAMES = ["engine.js", "stream.js", "raster.js"];

/** In a page: the job's files lie beside it. */
export async function replayHere(runtime, binary, unpack) {
  const at = (name) => new URL(name, import.meta.url).href;
  const load = async (name) => new Uint8Array(await (await fetch(at(name))).arrayBuffer());
  const job = await (await fetch(at("job.json"))).json();
  const ort = await import(at(runtime));
  Object.assign(ort.env.wasm, { numThreads: 1, wasmBinary: await unpack(await load(binary)) });
  const modules = Object.assign({}, ...(await Promise.all(NAMES.map((name) => import(at(name))))));
  return replay(modules, ort, load, job);
}

if (globalThis.process?.argv?.[3]) {
  const [fs, url, zlib] = await Promise.all(["fs", "url", "zlib"].map((name) => import(`node:${name}`)));
  const [, , folder, answer, runtime, binary] = process.argv;
  const read = (name) => new Uint8Array(fs.readFileSync(`${folder}/${name}`));
  const here = (name) => import(url.pathToFileURL(`${folder}/${name}`));
  const ort = await here(runtime);
  Object.assign(ort.env.wasm, { numThreads: 1, wasmBinary: zlib.gunzipSync(read(binary)) });
  const modules = Object.assign({}, ...(await Promise.all(NAMES.map(here))));
  const job = JSON.parse(fs.readFileSync(`${folder}/job.json`));
  fs.writeFileSync(answer, JSON.stringify(await replay(modules, ort, async (name) => read(name), job)));
}
