// A small picture of every face in the list, taken from the video itself. Joined with video_player.js.

const OUTLINE = 0.04; // of the box; what is drawn at its edge is left out
const MOST_PICTURES = 60;

/** Draw each face where it is largest into its canvas, one after the other; another video element looks for them. */
async function drawFaces(results, canvases, source, size, signal) {
  const video = document.createElement("video");
  video.muted = true;
  video.preload = "auto";
  const until = (event) =>
    new Promise((done, fail) => {
      video.addEventListener(event, done, { once: true });
      for (const [item, name] of [[video, "error"], [signal, "abort"]]) item.addEventListener(name, fail, { once: true });
    });
  try {
    const ready = until("loadeddata");
    video.src = source;
    await ready;
    for (const [track, canvas] of [...canvases.entries()].slice(0, MOST_PICTURES)) {
      const row = largest(results, track);
      const found = until("seeked");
      video.currentTime = Math.min(results.middle(results.frame[row]), video.duration - 0.001);
      await found;
      const [x, y, width, height] = square(results.box.map((side) => side[row]), size, video);
      const [context, ...whole] = clear(canvas);
      context.drawImage(video, x, y, width, height, 0, 0, ...whole);
      canvas.dataset.frame = results.frame[row];
    }
  } catch {
    // The player says that the video can't be played; rows without a picture are complete.
  } finally {
    video.removeAttribute("src");
    video.load();
  }
}

function largest(results, track) {
  const [, , width, height] = results.box;
  return results.rowsOf[track].reduce((best, row) => (width[row] * height[row] > width[best] * height[best] ? row : best));
}

/** The middle of a box as a square, in pixels of the video that is shown. */
function square([x, y, width, height], [shownWidth, shownHeight], video) {
  const side = Math.min(width, height) * (1 - 2 * OUTLINE);
  const [across, down] = [video.videoWidth / shownWidth, video.videoHeight / shownHeight];
  return [(x + (width - side) / 2) * across, (y + (height - side) / 2) * down, side * across, side * down];
}
