// What a picture's faces are drawn with.

const ICONS = {
  out: "M5 12h14",
  in: "M5 12h14M12 5v14",
  whole: "M4 9V4h5M20 9V4h-5M4 15v5h5M20 15v5h-5",
  marks: "M2.5 12S6 5.5 12 5.5 21.5 12 21.5 12 18 18.5 12 18.5 2.5 12 2.5 12ZM12 9a3 3 0 1 0 0 6 3 3 0 0 0 0-6",
  screen: "M14 4h6v6M20 4l-7 7M10 20H4v-6M4 20l7-7",
};

function makeIcon(path) {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  const line = document.createElementNS(space, "path");
  line.setAttribute("d", path);
  svg.append(line);
  return svg;
}

const percent = (value) => (value > 0 && value < 0.01 ? "< 1 %" : `${Math.round(100 * value)} %`);
const plural = (number, noun) => `${number || "no"} ${noun}${number === 1 ? "" : "s"}`;

function makeTrack(value, color) {
  const fill = make("i");
  fill.style.width = `${100 * clamp(value, 0, 1)}%`;
  fill.style.background = color;
  return make("span", { class: "track", "aria-hidden": "true" }, fill);
}

function makeBars(bars) {
  const rows = bars.map(([name, value, color]) =>
    make(
      "div",
      { class: "bar" },
      make("span", { class: "name", text: name, title: name }),
      makeTrack(value, color),
      make("span", { class: "value", text: percent(value) }),
    ),
  );
  return make("div", { class: "bars" }, ...rows);
}

function overlap(one, two) {
  return one.x < two.x + two.width && two.x < one.x + one.width && one.y < two.y + two.height && two.y < one.y + one.height;
}

// Tags neither overlap each other nor a face: where the label has no room the number is shown, else nothing.
function placeTags(tags, room) {
  for (const { tag } of tags) tag.className = "tag";
  const sizes = tags.map(({ tag }) => [tag.offsetWidth, tag.firstChild.offsetWidth + 8, tag.offsetHeight]);
  const taken = tags.map(({ place }) => place);
  for (const [position, { place, tag }] of tags.entries()) {
    const [full, short, height] = sizes[position];
    const above = { y: place.y - height, className: "tag above" };
    const below = { y: place.y + place.height, className: "tag below" };
    const choices = [full, short].flatMap((width) => [above, below].map((side) => ({ ...side, width, height })));
    const fits = choices.find(({ y, width }) => {
      const area = { x: clamp(place.x, 0, Math.max(0, room.width - width)), y, width, height };
      if (y < 0 || y + height > room.height || taken.some((other) => other !== place && overlap(area, other))) return false;
      taken.push(area);
      tag.style.left = `${area.x - place.x}px`;
      return true;
    });
    tag.className = fits ? `${fits.className}${fits.width === full ? "" : " short"}` : "tag none";
  }
}

// The nearest of some items in a direction: what lies aside counts double, as in a menu of tiles.
function findNeighbour(items, places, current, [right, down]) {
  const here = items[current].getBoundingClientRect();
  let [best, least] = [current, Infinity];
  for (const place of places) {
    const there = items[place].getBoundingClientRect();
    const across = there.left + there.width / 2 - here.left - here.width / 2;
    const along = there.top + there.height / 2 - here.top - here.height / 2;
    const ahead = right * across + down * along;
    const aside = Math.abs(right ? along : across);
    if (ahead > 1 && ahead + 2 * aside < least) [best, least] = [place, ahead + 2 * aside];
  }
  return best;
}
