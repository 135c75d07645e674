// An image with a rectangle that the person drags over it, and bars of what the network says meanwhile.
//
// The rectangle and what shows in it are drawn here, within a frame. The kernel is asked about the newest rectangle
// when it has answered the one before; `asked` and `answered` count. So nothing queues up behind a slow network.

const PATIENCE = 10_000; // ms after which an answer counts as lost
const REST = 500; // ms without a change before a screen reader is told
const HANDLES = ["nw", "n", "ne", "e", "se", "s", "sw", "w"];
const MOVES = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

const clamp = (x, low, high) => Math.min(Math.max(x, low), high);

/** An element with properties, attributes (aria-..., data-...) and children. Text goes in as text, never as HTML. */
function h(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [key, value] of Object.entries(properties)) {
    if (key.includes("-") || key === "role") node.setAttribute(key, value);
    else node[key] = value;
  }
  node.append(...children);
  return node;
}

function percent(share) {
  if (share > 0 && share < 0.0005) return "< 0.1 %";
  return share >= 0.9995 && share < 1 ? "> 99.9 %" : `${(100 * share).toFixed(1)} %`;
}

/** RGB bytes as a canvas. */
function canvasOf(view, height, width) {
  const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength), data = new ImageData(width, height);
  for (let i = 0, j = 0; i < bytes.length; i += 3, j += 4) {
    for (let c = 0; c < 3; c++) data.data[j + c] = bytes[i + c];
    data.data[j + 3] = 255;
  }
  const canvas = h("canvas", { width, height });
  canvas.getContext("2d").putImageData(data, 0, 0);
  return canvas;
}

function buildPage() {
  const p = {
    picture: h("canvas", { className: "cnnviz-occluder-picture", role: "img", "aria-label": "The image" }),
    window: h("div", { className: "cnnviz-occluder-window" }),
    rectangle: h("div", { className: "cnnviz-occluder-rectangle", tabIndex: 0, role: "group", "aria-roledescription": "rectangle",
      title: "Drag to move, pull a handle to resize. Arrow keys move, with Shift they resize, Escape removes.",
      "aria-description": "Arrow keys move it, with Shift they resize it, Escape removes it." }),
    place: h("div", { className: "cnnviz-occluder-place" }),
    fill: h("select", { "aria-label": "Fill", title: "What shows in the rectangle instead of the image" }),
    toggle: h("button", { type: "button" }),
    verdict: h("div", { className: "cnnviz-occluder-verdict" }),
    bars: h("ul", { className: "cnnviz-occluder-bars", "aria-label": "Probabilities" }),
    key: h("div", { className: "cnnviz-occluder-key" }, h("i", {}), " now ", h("i", { className: "cnnviz-occluder-tick" }), " with nothing covered"),
    caption: h("div", { className: "cnnviz-occluder-caption" }),
    spoken: h("div", { className: "cnnviz-occluder-spoken", role: "status" }),
  };
  for (const name of HANDLES) p.rectangle.append(h("div", { className: `cnnviz-occluder-handle cnnviz-${name}`, "data-edges": name }));
  p.frame = h("div", { className: "cnnviz-occluder-frame" }, p.picture, p.window, p.rectangle);
  const fill = h("label", {}, "fill ", p.fill);
  p.root = h("div", { className: "cnnviz-occluder" }, p.frame, p.place, h("div", { className: "cnnviz-occluder-row" }, fill, p.toggle),
    p.caption, p.verdict, p.bars, p.key, p.spoken);
  p.root.setAttribute("data-lm-suppress-shortcuts", "true"); // JupyterLab's shortcuts are not meant by keys in here
  return p;
}

class View {
  constructor(model) {
    this.model = model;
    this.get = (name) => model.get(name);
    this.page = buildPage();
    this.rectangle = this.get("rectangle"); // as it is drawn; the model's may be behind it
    this.window = this.get("window");
    this.held = null; // {mode, from: [row, column], before: rectangle} while a pointer drags
    this.wanted = false; // there is a rectangle newer than the one that was sent
    this.sentAt = 0;
  }

  // ---- Asking the kernel

  ask() {
    const waits = this.get("answered") < this.get("asked") && performance.now() - this.sentAt < PATIENCE;
    this.wanted = waits;
    if (waits) return;
    this.sentAt = performance.now();
    this.model.set({ rectangle: this.rectangle, asked: this.get("asked") + 1 });
    this.model.save_changes();
  }

  answered() {
    this.page.root.dataset.answered = this.get("answered");
    if (this.wanted) this.ask();
  }

  // ---- The rectangle

  /** Take another rectangle: [top, left, height, width] in px, or []. */
  put(rectangle) {
    if (String(rectangle) === String(this.rectangle)) return;
    this.rectangle = rectangle;
    this.window = [];
    this.schedule();
    this.ask();
  }

  /** What a drag from `held.from` to a point makes of the rectangle. */
  dragged(row, column) {
    const { mode, from, before } = this.held;
    if (mode === "move") return this.moved(before, Math.round(row - from[0]), Math.round(column - from[1]));
    return this.between(mode === "draw" ? [...from, row, column] : pulled(before, mode, row, column));
  }

  /** The rectangle between two corners, in whole pixels of the image, one of them at least. */
  between([row, column, otherRow, otherColumn]) {
    const along = (one, other, side) => {
      const [low, high] = [one, other].map((x) => clamp(Math.round(x), 0, side)).sort((a, b) => a - b);
      return [Math.min(low, side - 1), Math.max(high - low, 1)];
    };
    const [height, width] = this.get("image_shape");
    const [top, tall] = along(row, otherRow, height), [left, wide] = along(column, otherColumn, width);
    return [top, left, tall, wide];
  }

  moved([top, left, tall, wide], down, across) {
    const [height, width] = this.get("image_shape");
    return [clamp(top + down, 0, height - tall), clamp(left + across, 0, width - wide), tall, wide];
  }

  resized([top, left, tall, wide], down, across) {
    const [height, width] = this.get("image_shape");
    return [top, left, clamp(tall + down, 1, height - top), clamp(wide + across, 1, width - left)];
  }

  /** A rectangle of the size of the last one, about a point. */
  centred(row, column) {
    const [height, width] = this.get("image_shape"), quarter = Math.max(1, Math.round(Math.min(height, width) / 4));
    const [tall, wide] = this.size ?? [quarter, quarter];
    return this.moved([Math.round(row - tall / 2), Math.round(column - wide / 2), tall, wide], 0, 0);
  }

  step() {
    return Math.max(1, Math.round(Math.min(...this.get("image_shape")) / 56));
  }

  // ---- Drawing

  /** Any number of changes before the next animation frame are one redraw. */
  schedule(answer = false) {
    this.newAnswer ||= answer;
    this.frame ||= requestAnimationFrame(() => {
      this.frame = 0;
      this.draw();
      if (this.newAnswer) this.drawAnswer();
      this.newAnswer = false;
    });
  }

  readPixels() {
    const [height, width] = this.get("image_shape");
    const whole = (name) => height && this.get(name)?.byteLength === height * width * 3;
    this.layers = whole("image") && whole("covering") ? [canvasOf(this.get("image"), height, width), canvasOf(this.get("covering"), height, width)] : null;
  }

  draw() {
    const { page: p, layers, rectangle } = this;
    p.frame.hidden = p.place.hidden = p.key.hidden = !layers;
    p.toggle.disabled = p.fill.disabled = !layers;
    if (!layers) return;
    const [height, width] = this.get("image_shape");
    this.drawPicture(height, width);
    if (rectangle.length) this.size = rectangle.slice(2);
    this.place(p.rectangle, rectangle, height, width);
    this.place(p.window, String(this.window) === String(rectangle) ? [] : this.window, height, width);
    const [top, left, tall, wide] = rectangle;
    const where = rectangle.length ? `row ${top}, column ${left} · ${wide} × ${tall} px` : "";
    p.place.textContent = where || "Press on the image and drag to cover a part of it.";
    p.rectangle.setAttribute("aria-label", `Covered: ${where}`);
    p.toggle.textContent = rectangle.length ? "Remove rectangle" : "Cover the middle";
    p.toggle.title = rectangle.length ? "Show the whole image again (Escape)" : "Put a rectangle on the middle of the image";
  }

  drawPicture(height, width) {
    const { page: p, rectangle, layers: [image, covering] } = this, context = p.picture.getContext("2d");
    if (p.picture.width !== width || p.picture.height !== height) Object.assign(p.picture, { width, height });
    // A digit of 28 px is made of squares and shows them; a photograph is samples of something smooth.
    p.picture.style.imageRendering = Math.max(height, width) >= 128 ? "auto" : "pixelated";
    p.frame.style.aspectRatio = `${width} / ${height}`;
    context.drawImage(image, 0, 0);
    const [top, left, tall, wide] = rectangle;
    if (rectangle.length) context.drawImage(covering, left, top, wide, tall, left, top, wide, tall);
  }

  place(node, [top, left, tall, wide], height, width) {
    node.hidden = tall === undefined;
    if (node.hidden) return;
    const share = (x, of) => `${(100 * x) / of}%`;
    Object.assign(node.style, { top: share(top, height), left: share(left, width), height: share(tall, height), width: share(wide, width) });
  }

  drawAnswer() {
    const { page: p } = this, bars = this.get("bars"), top = bars.find((bar) => bar.top), failed = this.get("failed");
    const was = bars.reduce((best, bar) => (bar.clean > (best?.clean ?? -1) ? bar : best), null);
    const same = !top || top === was || top.clean === was.clean; // two as probable as each other are one answer
    p.root.classList.toggle("cnnviz-occluder-failed", failed);
    p.verdict.classList.toggle("cnnviz-occluder-changed", !same);
    p.verdict.replaceChildren(...(top ? [same ? "Top class: " : "Top class now: ", h("strong", { textContent: top.name }), same ? "" : `, it was ${was.name}`] : []));
    const quantities = this.get("quantities");
    p.bars.replaceChildren(...bars.map((bar) => drawBar(bar, quantities)));
    p.bars.setAttribute("aria-label", quantities ? "Values" : "Probabilities");
    p.key.style.display = quantities ? "none" : "";
    p.caption.textContent = this.get("caption");
    p.caption.setAttribute("role", failed ? "alert" : "note");
    clearTimeout(this.resting);
    this.resting = setTimeout(() => { p.spoken.textContent = `${p.caption.textContent} ${p.verdict.textContent}`; }, REST);
  }

  drawFills() {
    const { page: p } = this, fills = this.get("fills");
    if (p.fill.options.length !== Object.keys(fills).length) {
      p.fill.replaceChildren(...Object.entries(fills).map(([value, title]) => h("option", { value, textContent: value, title })));
    }
    p.fill.value = this.get("fill");
    p.fill.title = `What shows in the rectangle instead of the image. ${fills[this.get("fill")] ?? ""}`;
  }
}

/** Both corners of a rectangle of which some edges ("n", "se", ...) are pulled to a point. */
function pulled([top, left, tall, wide], edges, row, column) {
  const has = (edge) => edges.includes(edge);
  return [has("n") ? row : top, has("w") ? column : left, has("s") ? row : top + tall, has("e") ? column : left + wide];
}

/** A class with its share; or a quantity with its value, which has no length that a bar could show. */
function drawBar({ name, clean, now, target, top }, quantity) {
  const said = quantity ? (value) => String(Number(value.toPrecision(4))) : percent;
  const changed = said(clean) !== said(now);
  const value = h("span", { className: "cnnviz-occluder-value" }, ...(changed ? [h("span", { textContent: `${said(clean)} → ` })] : []), h("b", { textContent: said(now) }));
  const bar = h("span", { className: "cnnviz-occluder-bar" }), tick = h("span", { className: "cnnviz-occluder-tick" });
  bar.style.width = `${100 * now}%`;
  tick.style.left = `${100 * clean}%`;
  const label = h("span", { className: "cnnviz-occluder-name", textContent: name, title: name });
  const words = target ? [label, h("small", { textContent: "target", title: "What is being explained" })] : [label];
  return h("li", { className: top ? "cnnviz-occluder-top" : "" }, ...words, value, ...(quantity ? [] : [h("span", { className: "cnnviz-occluder-track" }, bar, tick)]));
}

// ---- Hands

function pointer(view) {
  const { page: p } = view;
  const at = (event) => {
    const box = p.picture.getBoundingClientRect(), [height, width] = view.get("image_shape");
    return [((event.clientY - box.top) / box.height) * height, ((event.clientX - box.left) / box.width) * width];
  };
  p.frame.onpointerdown = (event) => {
    if (event.button) return;
    const mode = event.target.dataset.edges ?? (event.target === p.rectangle ? "move" : "draw");
    view.held = { mode, from: at(event), before: view.rectangle, x: event.clientX, y: event.clientY };
    p.frame.setPointerCapture(event.pointerId);
    event.preventDefault(); // no selection of text
  };
  p.frame.onpointermove = (event) => {
    if (!view.held) return;
    // A click is a short drag: it must not leave a rectangle of one pixel.
    view.held.far ||= Math.hypot(event.clientX - view.held.x, event.clientY - view.held.y) > 3;
    if (view.held.far) view.put(view.dragged(...at(event)));
  };
  p.frame.onpointerup = (event) => {
    if (!view.held) return;
    if (view.held.mode === "draw" && !view.held.far) view.put(view.centred(...at(event)));
    view.held = null;
    view.draw(); // the rectangle must be there to take the focus
    p.rectangle.focus({ preventScroll: true });
  };
  p.frame.onpointercancel = () => { view.held = null; };
}

function keys(view) {
  const { page: p } = view;
  p.root.addEventListener("keydown", (event) => event.stopPropagation());
  p.frame.onkeydown = (event) => {
    const move = MOVES[event.key], step = view.step();
    if (event.key === "Escape" || event.key === "Delete" || event.key === "Backspace") giveUp(view);
    else if (move && view.rectangle.length) {
      const change = event.shiftKey ? view.resized : view.moved;
      view.put(change.call(view, view.rectangle, move[0] * step, move[1] * step));
    } else return;
    event.preventDefault();
  };
  p.toggle.onclick = () => {
    const [height, width] = view.get("image_shape");
    view.put(view.rectangle.length ? [] : view.centred(height / 2, width / 2));
    view.draw();
    if (view.rectangle.length) p.rectangle.focus({ preventScroll: true });
  };
  p.fill.onchange = () => { view.model.set("fill", p.fill.value); view.model.save_changes(); };
}

/** During a drag: as it was before. Otherwise: nothing is covered. */
function giveUp(view) {
  view.put(view.held ? view.held.before : []);
  view.held = null;
  view.draw();
  if (!view.rectangle.length) view.page.toggle.focus({ preventScroll: true });
}

function render({ model, el }) {
  const view = new View(model);
  el.append(view.page.root);
  pointer(view); keys(view);
  const reactions = {
    "change:image change:covering change:image_shape": () => { view.readPixels(); view.schedule(); },
    "change:rectangle": () => { if (!view.held && !view.wanted) view.rectangle = model.get("rectangle"); view.schedule(); },
    "change:window": () => { view.window = model.get("window"); view.schedule(); },
    "change:bars change:quantities change:caption change:failed": () => view.schedule(true),
    "change:fill change:fills": () => view.drawFills(),
    "change:answered": () => view.answered(),
  };
  for (const [names, react] of Object.entries(reactions)) model.on(names, react);
  view.readPixels(); view.drawFills(); view.drawAnswer(); view.draw();
  return () => {
    for (const [names, react] of Object.entries(reactions)) model.off(names, react);
    cancelAnimationFrame(view.frame); clearTimeout(view.resting);
  };
}

export default { render };
