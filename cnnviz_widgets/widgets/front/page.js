// What every widget needs of the page: elements, scrolling, keys, and a lifetime that ends with the view.

const SVG = "http://www.w3.org/2000/svg";

/** An element with properties, attributes (aria-..., data-..., role) and children. Text goes in as text, never as HTML. */
export function h(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [key, value] of Object.entries(properties)) {
    if (key.includes("-") || key === "role") node.setAttribute(key, value);
    else node[key] = value;
  }
  node.append(...children);
  return node;
}

/** An element of a drawing, with attributes and children. */
export function svg(tag, attributes = {}, ...children) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

export function button(text, title, properties = {}) {
  return h("button", { type: "button", textContent: text, title, ...properties });
}

/** A few buttons that stand as one. */
export function segments(label, ...buttons) {
  return h("div", { className: "cnnviz-segments", role: "group", "aria-label": label }, ...buttons);
}

/** The beginning of an id that no other view has. */
export const newId = () => `cnnviz-${Math.random().toString(36).slice(2)}`;

/** JupyterLab's shortcuts (0 0 restarts the kernel, arrows change the cell) must not act on keys pressed in here. */
export function keepKeys(root) {
  root.setAttribute("data-lm-suppress-shortcuts", "true");
  root.addEventListener("keydown", (event) => event.stopPropagation());
}

/** Scroll a list so that what lies from top to bottom in it is seen. Not scrollIntoView: it would scroll the page as well. */
export function keepInSight(list, top, bottom) {
  if (top < list.scrollTop) list.scrollTop = top;
  if (bottom > list.scrollTop + list.clientHeight) list.scrollTop = bottom - list.clientHeight;
}

/** What a view has begun outside of its own elements, to be ended with it: listeners, observers, timers, frames. */
export class Lifetime {
  #endings = [];

  /** React to events of a model, "change:title" or several with spaces in between. */
  on(model, events, react) {
    model.on(events, react);
    this.#endings.push(() => model.off(events, react));
  }

  /** React to a Lumino signal, as JupyterLab's objects have them; it also passes on who emits it. */
  connect(signal, react) {
    signal.connect(react);
    this.#endings.push(() => signal.disconnect(react));
  }

  observe(observer, node, options) {
    observer.observe(node, options);
    this.#endings.push(() => observer.disconnect());
  }

  /** A function after which `act` is called in the next animation frame: once, however often it was asked for. */
  inNextFrame(act) {
    let frame = 0;
    this.#endings.push(() => cancelAnimationFrame(frame));
    return () => {
      frame ||= requestAnimationFrame(() => {
        frame = 0;
        act();
      });
    };
  }

  /** A function after which `act` is called when nobody has asked for it for some ms. */
  afterRest(ms, act) {
    let timer = 0;
    this.#endings.push(() => clearTimeout(timer));
    return () => {
      clearTimeout(timer);
      timer = setTimeout(act, ms);
    };
  }

  /** A function after which `act` is called within some ms: once, however often it was asked for. */
  within(ms, act) {
    let timer = 0;
    this.#endings.push(() => clearTimeout(timer));
    return () => {
      timer ||= setTimeout(() => {
        timer = 0;
        act();
      }, ms);
    };
  }

  end() {
    for (const end of this.#endings.splice(0)) end();
  }
}
