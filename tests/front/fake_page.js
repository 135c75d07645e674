// As much of a browser's page as the widgets need to run in Node: elements, events, canvases that draw nothing, frames
// and timers that wait to be called. It counts what is listened to and observed, so that a test sees what a view leaves behind.

class ClassList {
  constructor(node) {
    this.node = node;
  }
  get names() {
    return this.node.className.split(/\s+/).filter(Boolean);
  }
  contains(name) {
    return this.names.includes(name);
  }
  toggle(name, on = !this.contains(name)) {
    this.node.className = [...this.names.filter((other) => other !== name), ...(on ? [name] : [])].join(" ");
  }
  add(name) {
    this.toggle(name, true);
  }
  remove(name) {
    this.toggle(name, false);
  }
}

/** Listeners by type; `count` is how many there are. */
class Listening {
  #listeners = [];
  addEventListener(type, react) {
    this.#listeners.push([type, react]);
  }
  removeEventListener(type, react) {
    this.#listeners = this.#listeners.filter(([t, r]) => t !== type || r !== react);
  }
  dispatchEvent(event) {
    this[`on${event.type}`]?.(event);
    for (const [type, react] of this.#listeners) if (type === event.type) react(event);
  }
  get count() {
    return this.#listeners.length;
  }
}

/** What a 2D context is asked: every call is kept, none draws. */
function fakeContext() {
  const calls = [];
  return new Proxy(
    { calls, measureText: (text) => ({ width: 6 * text.length }) },
    { get: (held, name) => (name in held ? held[name] : (...given) => calls.push([name, ...given])) },
  );
}

class FakeNode extends Listening {
  constructor(tag) {
    super();
    Object.assign(this, { tagName: tag, parentNode: null, childNodes: [], attributes: {}, className: "", dataset: {} });
    Object.assign(this, { scrollTop: 0, offsetTop: 0, offsetHeight: 20, clientWidth: 400, clientHeight: 300 });
    Object.assign(this, { hidden: false, value: "", title: "", id: "", width: 300, height: 150 });
    this.style = {
      setProperty(name, value) {
        this[name] = value;
      },
    };
    this.classList = new ClassList(this);
  }
  get children() {
    return this.childNodes.filter((node) => node instanceof FakeNode);
  }
  get firstElementChild() {
    return this.children[0] ?? null;
  }
  get options() {
    return this.children;
  }
  get textContent() {
    return this.childNodes.map((node) => (node instanceof FakeNode ? node.textContent : node)).join("");
  }
  set textContent(text) {
    this.childNodes = text === "" ? [] : [String(text)];
  }
  append(...nodes) {
    for (const node of nodes) if (node instanceof FakeNode) node.parentNode = this;
    this.childNodes.push(...nodes.map((node) => (node instanceof FakeNode ? node : String(node))));
  }
  prepend(node) {
    node.parentNode = this;
    this.childNodes.unshift(node);
  }
  replaceChildren(...nodes) {
    this.childNodes = [];
    this.append(...nodes);
  }
  setAttribute(name, value) {
    if (name === "class") this.className = String(value);
    if (name.startsWith("data-")) this.dataset[name.slice(5)] = String(value);
    this.attributes[name] = String(value);
  }
  getAttribute(name) {
    return this.attributes[name] ?? null;
  }
  /** The elements in it, itself not among them, in the order of the page. */
  get all() {
    return this.children.flatMap((node) => [node, ...node.all]);
  }
  /** ".class", "tag", and these with spaces in between: more than the widgets ask for. */
  querySelectorAll(selector) {
    return this.all.filter((node) => node.#fits(selector.split(" ")));
  }
  querySelector(selector) {
    return this.querySelectorAll(selector)[0] ?? null;
  }
  #fits(steps) {
    const rest = steps.slice(0, -1);
    if (!this.#is(steps.at(-1))) return false;
    for (let up = this.parentNode; rest.length && up; up = up.parentNode) if (up.#fits(rest)) return true;
    return rest.length === 0;
  }
  #is(step) {
    return step.startsWith(".") ? this.classList.contains(step.slice(1)) : step === "*" || this.tagName === step;
  }
  closest(step) {
    return this.#is(step) ? this : (this.parentNode?.closest(step) ?? null);
  }
  contains(other) {
    return other === this || this.all.includes(other);
  }
  matches() {
    return false;
  }
  focus() {
    document.activeElement = this;
  }
  blur() {
    document.activeElement = null;
  }
  click() {
    this.dispatchEvent({ type: "click", target: this });
  }
  getContext() {
    this.context ??= fakeContext();
    return this.context;
  }
  getBoundingClientRect() {
    return { left: 0, top: 0, width: this.clientWidth, height: this.clientHeight };
  }
  getComputedTextLength() {
    return 6 * this.textContent.length;
  }
  setPointerCapture() {}
  scrollIntoView() {}
}

/** Puts a fresh page into Node's globals and gives back what a test looks at. */
export function openPage() {
  const frames = new Map(),
    timers = new Map(),
    observers = new Set();
  let last = 0;
  class Observer {
    observe() {
      observers.add(this);
    }
    disconnect() {
      observers.delete(this);
    }
  }
  const body = new FakeNode("body"),
    window = new Listening();
  const document = Object.assign(new Listening(), {
    body,
    activeElement: null,
    createElement: (tag) => new FakeNode(tag),
    createElementNS: (_, tag) => new FakeNode(tag),
  });
  Object.assign(globalThis, {
    document,
    window,
    devicePixelRatio: 1,
    ResizeObserver: Observer,
    MutationObserver: Observer,
    getComputedStyle: () => ({ color: "black" }),
    requestAnimationFrame: (act) => {
      frames.set(++last, act);
      return last;
    },
    cancelAnimationFrame: (id) => frames.delete(id),
    setTimeout: (act) => {
      timers.set(++last, act);
      return last;
    },
    clearTimeout: (id) => timers.delete(id),
    ImageData: class {
      constructor(width, height) {
        Object.assign(this, { width, height, data: new Uint8ClampedArray(4 * width * height) });
      }
    },
    OffscreenCanvas: class extends FakeNode {
      constructor(width, height) {
        super("canvas");
        Object.assign(this, { width, height });
      }
    },
  });
  const callAll = (waiting) => {
    const due = [...waiting.values()];
    waiting.clear();
    for (const act of due) act();
  };
  return {
    body,
    /** Call everything that waits for the next animation frame. */
    nextFrame: () => callAll(frames),
    /** Call everything that waits for some time to pass. */
    timePasses: () => callAll(timers),
    /** What is listened to, observed and waited for outside of a view's own elements. */
    get held() {
      return {
        document: document.count,
        window: window.count,
        observers: observers.size,
        frames: frames.size,
        timers: timers.size,
      };
    },
  };
}

/** A key or a pointer event, as far as the widgets look at it; `prevented` says whether the page keeps its own way. */
export function fakeEvent(type, given = {}) {
  const event = { type, button: 0, clientX: 0, clientY: 0, prevented: false, ...given };
  event.preventDefault = () => {
    event.prevented = true;
  };
  event.stopPropagation = () => {};
  return event;
}
