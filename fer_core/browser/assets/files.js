// Files of the program: from their own server once, then from the browser's cache. Their names hold their hash.

const CACHE = "fer-workbench";
const MAX_FILES = 12;
const inside = new Map(); // content by name, of files that are in the page itself

async function unpack(response) {
  const bytes = new Uint8Array(await response.arrayBuffer());
  // Some servers unpack a .gz on the way: the first bytes tell, not the name.
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes;
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** Without a cache (private windows, some settings) a file comes anew each time. */
async function openCache() {
  try {
    return await caches.open(CACHE);
  } catch {
    return null;
  }
}

async function keep(cache, address, response) {
  try {
    await cache.put(address, response);
    const kept = await cache.keys();
    for (const request of kept.slice(0, Math.max(0, kept.length - MAX_FILES))) await cache.delete(request);
  } catch {
    // No room: it works without.
  }
}

/** Where a file of the page is: beside the page or, in a page that is one file, inside it as text. */
export function locate(name) {
  const element = document.getElementById(name);
  if (!element) return inside.has(name) ? name : new URL(name, document.baseURI).href;
  const text = atob(element.textContent);
  const bytes = new Uint8Array(text.length);
  for (let at = 0; at < text.length; at++) bytes[at] = text.charCodeAt(at);
  element.remove(); // the text would stay in memory, too
  inside.set(name, new Blob([bytes], { type: name.endsWith(".js") ? "text/javascript" : "" }));
  return name;
}

/** What `locate` found inside the page, for its worker. */
export const listInside = () => inside;

/** The same in the worker. From a disk, it can reach no address that the page made, but it can make its own. */
export function takeInside(files) {
  for (const [name, content] of files) inside.set(name, content);
}

/** The address by which a script can be imported. */
export const linkScript = (address) => (inside.has(address) ? URL.createObjectURL(inside.get(address)) : address);

/** The bytes of a file. */
export async function loadFile(address) {
  if (inside.has(address)) return unpack(new Response(inside.get(address)));
  const cache = await openCache();
  const kept = await cache?.match(address);
  if (kept) return unpack(kept);
  const response = await fetch(address);
  if (!response.ok) throw new Error(`a file of the program can't be loaded (${response.status}); reload the page`);
  if (cache) await keep(cache, address, response.clone());
  return unpack(response);
}
