// Files of the program: from their own server once, then from the browser's cache. Their names hold their hash.

const CACHE = "fer-workbench";
const MAX_FILES = 12;

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

/** The bytes of a file. */
export async function loadFile(address) {
  const canKeep = address.startsWith("http");
  const cache = canKeep ? await openCache() : null;
  const kept = await cache?.match(address);
  if (kept) return unpack(kept);
  const response = await fetch(address);
  if (!response.ok) throw new Error(`a file of the program can't be loaded (${response.status}); reload the page`);
  if (cache) await keep(cache, address, response.clone());
  return unpack(response);
}
