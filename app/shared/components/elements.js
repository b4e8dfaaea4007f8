// What components share. Joined with the script of each.

const views = new WeakMap();

/** The one view of a place on the page: made when the place is new, gone when the place goes. */
function mount(Kind, { parentElement, data }, connect) {
  const view = views.get(parentElement) ?? new Kind(parentElement);
  views.set(parentElement, view);
  connect(view);
  view.update(data);
  return () => {
    view.close();
    views.delete(parentElement);
  };
}

function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "text") element.textContent = value;
    else if (value !== undefined && value !== null) element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

const clamp = (value, low, high) => Math.min(Math.max(value, low), high);
