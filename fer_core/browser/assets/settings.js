// The settings of a page that stands alone; the workbench has its own.

const RANGES = {
  topK: (value) => `${value}`,
  sureFrom: (value) => `${Math.round(100 * value)} %`,
  smoothingS: (value) => `${value.toFixed(1)} s`,
  detectEvery: (value) => (value === 1 ? "frame" : `${value} frames`),
};

/** Show the settings and hand on what the user changes. */
export function bindSettings(find, { models, settings }, apply) {
  const option = (value, text) => Object.assign(document.createElement("option"), { value, textContent: text });
  const [first, second] = [find("model"), find("second")];
  first.append(...models.map(({ name, title }) => option(name, title)));
  second.append(option("", "None"), ...models.map(({ name, title }) => option(name, title)));
  second.parentElement.hidden = models.length < 2;
  [first.value, second.value] = [settings.models[0], settings.models[1] ?? ""];
  const choose = () => {
    const other = second.value && second.value !== first.value ? [second.value] : [];
    apply({ models: [first.value, ...other] });
  };
  first.onchange = choose;
  second.onchange = choose;
  find("prior").value = settings.prior;
  find("prior").onchange = ({ target }) => apply({ prior: target.value });
  find("mirror").checked = settings.mirror;
  find("mirror").onchange = ({ target }) => apply({ mirror: target.checked });
  for (const [name, write] of Object.entries(RANGES)) {
    const input = find(name);
    const output = input.parentElement.querySelector("output");
    input.value = settings[name];
    output.textContent = write(settings[name]);
    input.oninput = () => (output.textContent = write(Number(input.value)));
    input.onchange = () => apply({ [name]: Number(input.value) });
  }
}
