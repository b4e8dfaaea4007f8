// Events marked on the player: a key or button per code begins one and ends it; ended at once it is a point.

class Codes {
  constructor(player, codes, mark) {
    Object.assign(this, { player, codes, mark });
    this.begun = new Map(); // start in seconds by code
    const row = player.find(".codes");
    row.replaceChildren();
    row.hidden = !codes.length;
    this.buttons = codes.map((code, number) => {
      const button = add(row, "button", "code");
      button.type = "button";
      button.title = `Begin or end “${code}” here (key ${number + 1})`;
      button.setAttribute("aria-pressed", "false");
      add(button, "kbd").textContent = number + 1;
      add(button, "span").textContent = code;
      player.on(button, "click", () => this.toggle(number));
      return button;
    });
  }

  /** Whether a key press meant a code. */
  press(event) {
    const number = /^(Digit|Numpad)[1-9]$/.test(event.code) ? Number(event.code.at(-1)) - 1 : -1;
    if (number < 0 || number >= this.codes.length || event.repeat) return false;
    this.toggle(number);
    return true;
  }

  toggle(number) {
    const { results, place } = this.player;
    const [code, now] = [this.codes[number], results.times[place]];
    const start = this.begun.get(code);
    if (start === undefined) {
      this.begun.set(code, now);
    } else {
      this.begun.delete(code);
      const [first, last] = [Math.min(start, now), Math.max(start, now)];
      this.mark({ code, start_s: first, end_s: last > first ? last : null, id: `${Date.now()} ${code}` });
    }
    this.buttons[number].setAttribute("aria-pressed", String(start === undefined));
  }

  /** Draw the events that are kept, each code in a lane. */
  draw(events) {
    const { start, end } = this.player.results;
    const place = (time) => Math.max(0, Math.min(100, (100 * (time - start)) / (end - start)));
    const lanes = [...new Set(events.map(({ code }) => code))];
    const box = this.player.find(".events");
    box.replaceChildren();
    box.hidden = !events.length;
    box.style.setProperty("--lanes", lanes.length);
    for (const { code, start_s, end_s, coder } of events) {
      const item = add(box, "button", end_s === null ? "event point" : "event");
      item.type = "button";
      item.title = `${code}${coder ? ` (${coder})` : ""}: ${clock(start_s, 2)}${end_s === null ? "" : ` to ${clock(end_s, 2)}`}`;
      item.textContent = code;
      item.style.setProperty("--lane", lanes.indexOf(code));
      item.style.left = `${place(start_s)}%`;
      item.style.width = end_s === null ? "" : `${Math.max(0.2, place(end_s) - place(start_s))}%`;
      item.addEventListener("click", () => this.player.seek(this.player.results.frameAt(start_s)));
    }
  }
}
