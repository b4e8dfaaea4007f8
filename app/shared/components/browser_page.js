// A frame with the page that reads faces in this browser. It stays while the workbench's page is drawn anew.

const COLORS = {
  "--text": "--st-text-color",
  "--back": "--st-background-color",
  "--panel": "--st-secondary-background-color",
  "--line": "--st-border-color",
  "--font": "--st-font",
};
export default (place) =>
  mount(Embedded, place, (view) => {
    view.keep = place.data.canKeep ? (results) => place.setTriggerValue("kept", results) : null;
  });

class Embedded {
  constructor(parent) {
    this.parent = parent;
    this.frame = document.createElement("iframe");
    this.frame.onload = () => this.begin();
    parent.append(this.frame);
  }

  update({ page, title, allow, settings, models }) {
    if (allow !== this.frame.allow) this.page = null; // a permission counts from the next loading on
    Object.assign(this.frame, { title, allow });
    this.wanted = { ...settings, known: models };
    if (page !== this.page) {
      this.page = page;
      this.isReady = false;
      this.frame.srcdoc = page;
    } else if (this.isReady) this.apply();
  }

  begin() {
    const { contentWindow: inner, contentDocument: text } = this.frame;
    if (!inner?.fer) return;
    this.isReady = true;
    const fit = () => (this.frame.style.height = `${text.body.scrollHeight + 4}px`);
    new inner.ResizeObserver(fit).observe(text.body);
    fit();
    if (this.keep) inner.fer.onKeep((results) => this.keep(results));
    this.apply();
  }

  apply() {
    const { contentWindow: inner, contentDocument: text } = this.frame;
    const outer = getComputedStyle(this.parent.host ?? this.parent);
    for (const [name, source] of Object.entries(COLORS)) {
      const value = outer.getPropertyValue(source).trim();
      if (value) text.documentElement.style.setProperty(name, value);
    }
    inner.fer.apply(this.wanted);
  }

  close() {
    this.frame.remove();
  }
}
