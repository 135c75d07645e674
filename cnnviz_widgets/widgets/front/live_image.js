// The live view: image, map, colour bar, read-out and controls, all drawn in the browser (traits: live_image.py).
// It starts with the functions of live_numbers.js, which live_image.py puts in front of it.
//
// Reading order: the page -> LiveView (model to page) -> hands (pointer, keys, controls to model) -> render.
// A control changes the model in the browser (`model.set`), every view of it redraws in the next animation frame, and
// the kernel hears of it once, when the control is let go (`model.save_changes`): dragging needs no kernel.

// ---------------------------------------------------------------- the page

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

const button = (text, tip, onclick, extra = {}) => h("button", { type: "button", textContent: text, title: tip, onclick, ...extra });

/** Two or three words of which one is pressed. */
function segments(name, label, options, tip) {
  const buttons = options.map(([value, text]) => button(text, tip, null, { value: String(value), name }));
  const node = h("div", { className: "cnnviz-segments", role: "group", "aria-label": label }, ...buttons);
  return { node, buttons };
}

function slider(name, label, tip, range) {
  const input = h("input", { type: "range", name, title: tip, "aria-label": label, ...range });
  const output = h("output", {});
  return { input, output, node: h("label", { className: "cnnviz-slider", title: tip }, h("span", {}, `${label} `, output), input) };
}

function buildPage() {
  const focusable = { tabIndex: 0, role: "img" };
  const p = {
    title: h("div", { className: "cnnviz-title" }),
    picture: h("canvas", { className: "cnnviz-picture", ...focusable,
      "aria-description": "Arrow keys read values, Enter picks one, plus and minus zoom, 0 shows the whole image." }),
    close: button("×", "Close the enlarged tile (Escape)", null, { className: "cnnviz-close", "aria-label": "Close the enlarged tile" }),
    tileName: h("div", { className: "cnnviz-tile-name" }),
    tiles: h("canvas", { className: "cnnviz-tiles", ...focusable,
      "aria-description": "Arrow keys walk over the tiles, Enter enlarges one, Escape closes it." }),
    ring: h("div", { className: "cnnviz-ring" }), cursor: h("div", { className: "cnnviz-ring cnnviz-cursor" }),
    bar: h("canvas", { className: "cnnviz-bar", width: 257, height: 1 }),
    below: h("i", { className: "cnnviz-below" }), above: h("i", { className: "cnnviz-above" }),
    marks: h("div", { className: "cnnviz-marks" }), unit: h("div", { className: "cnnviz-unit" }),
    legend: h("ul", { className: "cnnviz-legend" }),
    note: h("div", { className: "cnnviz-note", role: "status" }),
    readout: h("output", { className: "cnnviz-readout", "aria-live": "polite" }),
    show: segments("show", "Show", [["both", "Both"], ["image", "Image"], ["map", "Map"]], "Show the image, the map, or the map over the image"),
    smooth: segments("smooth", "Map drawn", [[true, "Smooth"], [false, "Cells"]], "Smooth: interpolated between cell centres. Cells: the numbers as they were computed"),
    tileScale: segments("tile_scale", "Scale of the tiles", [["shared", "Shared scale"], ["own", "Own scale"]], "Shared: colours mean the same in all tiles. Own: each tile uses all colours, so that weak ones show their shape"),
    opacity: slider("opacity", "Opacity", "How strongly the map covers the image", { min: 0, max: 100, step: 1 }),
    saturation: slider("saturation", "Full colour at", "Values from here on have the strongest colour; a smaller limit shows weaker values", { min: 0, max: 100, step: 1 }),
    reset: button("↺", "Set the limit back to the suggested one", null, { "aria-label": "Reset the limit" }),
    colormap: h("select", { name: "colormap", title: "Colour map", "aria-label": "Colour map" }),
    fade: h("input", { type: "checkbox", name: "fade", "aria-label": "Fade small values" }),
    zoomOut: button("−", "Zoom out (−)", null, { "aria-label": "Zoom out" }), zoomIn: button("+", "Zoom in (+, or Ctrl and the wheel)", null, { "aria-label": "Zoom in" }),
    whole: button("1:1", "Show the whole image (0, or a double click)"), save: button("Save PNG", "Download the picture with its colour bar"),
  };
  p.frame = h("div", { className: "cnnviz-frame" }, p.picture, p.close);
  p.stage = h("div", { className: "cnnviz-stage" }, p.frame, p.tileName);
  p.sheet = h("div", { className: "cnnviz-sheet" }, p.tiles, p.ring, p.cursor);
  p.grid = h("div", { className: "cnnviz-grid" }, p.sheet);
  p.scale = h("div", { className: "cnnviz-scale" }, h("div", { className: "cnnviz-bar-row" }, p.below, p.bar, p.above), p.marks, p.unit);
  p.fadeLabel = h("label", { className: "cnnviz-check", title: "Where the map is near zero the image shows through" }, p.fade, "Fade small values");
  p.limit = h("div", { className: "cnnviz-limit" }, p.saturation.node, p.reset);
  p.zoomGroup = h("div", { className: "cnnviz-segments", role: "group", "aria-label": "Zoom" }, p.zoomOut, p.whole, p.zoomIn);
  p.sliders = h("div", { className: "cnnviz-sliders" }, p.opacity.node, p.limit);
  p.controls = h("div", { className: "cnnviz-controls" }, p.show.node, p.smooth.node, p.tileScale.node, p.zoomGroup, p.sliders, p.colormap, p.fadeLabel, p.save);
  p.side = h("div", { className: "cnnviz-side" }, p.scale, p.legend, p.readout, p.note, p.controls);
  // JupyterLab's shortcuts (0 0 restarts the kernel, arrows change the cell) must not act on keys pressed in here.
  p.root = h("div", { className: "cnnviz-live", "data-drawn": "0" },
    p.title, h("div", { className: "cnnviz-body" }, p.grid, p.stage), p.side);
  p.root.addEventListener("keydown", (event) => event.stopPropagation());
  return p;
}

/** The legend of a class map: the commonest first, each with its share of the cells. */
function fillLegend(list, { categories, values }) {
  const counts = new Uint32Array(categories.length);
  for (const v of values) if (v in counts) counts[v]++;
  const order = categories.map((_, k) => k).filter((k) => counts[k]).sort((a, b) => counts[b] - counts[a]);
  const items = order.slice(0, LEGEND).map((k) => {
    const swatch = h("i", {});
    swatch.style.backgroundColor = `rgb(${hex(categories[k].color).join(" ")})`;
    return h("li", {}, swatch, `${categories[k].name} `, h("small", { textContent: percent(counts[k] / values.length) }));
  });
  if (order.length > LEGEND) items.push(h("li", { textContent: `and ${order.length - LEGEND} more` }));
  list.replaceChildren(...items);
}

function fillScale(p, scene, summary, table, unit) {
  const context = p.bar.getContext("2d"), last = table.length / 3 - 1;
  for (let i = 0; i <= last; i++) {
    const rgb = scene.channels === 3 ? Array(3).fill((255 * i) / last) : table.subarray(3 * i, 3 * i + 3);
    context.fillStyle = `rgb(${rgb.join(" ")})`;
    context.fillRect(i, 0, 1, 1);
  }
  const { marks, exponent } = ticks(scene.low, scene.high);
  p.marks.replaceChildren(...marks.map(({ at, text, zero }) => {
    const mark = h("span", { textContent: text, className: zero && scene.signed ? "cnnviz-zero" : "" });
    mark.style.left = `${100 * at}%`;
    return mark;
  }));
  p.below.classList.toggle("cnnviz-on", summary.min < scene.low);
  p.above.classList.toggle("cnnviz-on", summary.max > scene.high);
  p.unit.textContent = [exponent ? power(exponent) : "", unit, scene.channels === 3 ? "(red, green and blue alike)" : ""].filter(Boolean).join(" ");
}

// ---------------------------------------------------------------- render

/** Which picture a trait makes stale; what is not named here only changes how the pictures are put together. */
const STALE = {
  image: ["base", "map"], image_shape: ["base", "map"], on_image: ["map"], smooth: ["map"], fade: ["map"], selected: ["map"],
  values: ["map", "grid"], values_shape: ["map", "grid"], names: ["grid"], struck: ["grid"], categories: ["map"], signed: ["map", "grid"],
  limits: ["map", "grid"], saturation: ["map", "grid"], tile_scale: ["map", "grid"], enlarges: ["map", "grid"], colormap: ["map", "grid"], luts: ["map", "grid"],
};
const ALL = ["base", "map", "grid", "summary"];

/** How it is looked at: what a picture that has a leader takes from it, so that one set of controls moves them all. */
const LOOKED_AT = ["opacity", "colormap", "show", "smooth", "fade", "saturation", "zoom", "center"];

class LiveView {
  constructor(model, leader) {
    this.model = model;
    this.leader = leader;
    const led = (name) => leader && LOOKED_AT.includes(name) && (name !== "colormap" || leader.get("signed") === model.get("signed"));
    this.holder = (name) => (led(name) ? leader : model);
    this.get = (name) => this.holder(name).get(name);
    this.page = buildPage();
    this.stale = new Set(ALL);
    this.layers = { base: null, map: null };
    this.at = [0, 0]; // pixel that the keys or the pointer read
    this.tileAt = 0; // tile that the keys stand on
    this.frame = 0;
    this.drawn = 0;
  }

  /** Any number of changes before the next animation frame are one redraw. */
  schedule(...parts) {
    for (const part of parts) this.stale.add(part);
    this.frame ||= requestAnimationFrame(() => { this.frame = 0; this.draw(); });
  }

  set(name, value) { this.holder(name).set(name, value); }
  commit() { this.model.save_changes(); this.leader?.save_changes(); }
  commitSoon() { clearTimeout(this.timer); this.timer = setTimeout(() => this.commit(), 250); }

  draw() {
    const { page: p, get, stale, layers } = this, read = readScene(get);
    if (stale.has("summary")) this.summary = summarize(read);
    const scene = (this.scene = scaledFor(read, this.summary, read.open));
    this.table = colorTable(get);
    if (stale.has("base")) layers.base = scene.image ? baseCanvas(scene) : null;
    if (stale.has("map")) layers.map = scene.open < 0 ? null : mapCanvas(scene, shader(scene, this.table));
    this.drawWords();
    this.drawStage();
    if (stale.has("grid")) this.drawTiles();
    this.placeRings();
    stale.clear();
    this.reread?.(); // the pointer rests where it was, the value under it is new
    p.root.dataset.drawn = ++this.drawn;
  }

  drawStage() {
    const { page: p, scene } = this, [height, width] = extent(scene);
    p.stage.hidden = !width || (scene.open < 0 && scene.kind === "tiles");
    if (p.stage.hidden) return;
    const wide = Math.min(p.root.clientWidth - 4, (DISPLAY * width) / Math.max(height, width));
    if (wide <= 0) return; // not on the page yet: the ResizeObserver calls again
    const w = Math.round(wide * devicePixelRatio), hh = Math.round((w * height) / width);
    if (p.picture.width !== w || p.picture.height !== hh) Object.assign(p.picture, { width: w, height: hh });
    p.picture.style.width = `${wide}px`;
    const context = p.picture.getContext("2d");
    compose(context, w, hh, scene, this.layers, this.view());
    if (p.picture.matches(":focus-visible")) this.drawCursor(context, w, hh);
  }

  view() {
    const { get } = this;
    const names = ["zoom", "center", "show", "opacity", "box", "clicked"];
    return Object.fromEntries(names.map((name) => [name, get(name)]));
  }

  drawCursor(context, w, hh) {
    const [height, width] = extent(this.scene), { zoom, center } = this.view(), [row, column] = this.at;
    const x = ((column + 0.5) / width - center[0]) * zoom * w + w / 2, y = ((row + 0.5) / height - center[1]) * zoom * hh + hh / 2;
    for (const [color, size] of [["#000", 4], ["#fff", 2]]) {
      context.strokeStyle = color; context.lineWidth = size;
      context.beginPath();
      for (const [dx, dy] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) { context.moveTo(x + 5 * dx, y + 5 * dy); context.lineTo(x + 13 * dx, y + 13 * dy); }
      context.stroke();
    }
  }

  drawTiles() {
    const { page: p, scene } = this;
    p.grid.hidden = scene.kind !== "tiles" || scene.tiles < 2;
    const width = p.sheet.clientWidth;
    if (!width) return; // hidden, or not on the page yet: the ResizeObserver calls again
    const grid = (this.grid = gridLayout(scene, width, this.get("names").length > 0));
    const ratio = Math.min(devicePixelRatio, 16000 / grid.height);
    Object.assign(p.tiles, { width: Math.round(width * ratio), height: Math.round(grid.height * ratio) });
    Object.assign(p.tiles.style, { width: `${width}px`, height: `${grid.height}px` });
    const context = p.tiles.getContext("2d");
    context.scale(ratio, ratio);
    drawGrid(context, scene, this.table, this.summary, this.get, grid, getComputedStyle(p.root).color);
  }

  placeRings() {
    const { page: p, grid } = this;
    const place = (node, k, on) => {
      node.hidden = !on;
      if (!on) return;
      Object.assign(node.style, { left: `${(k % grid.across) * grid.stepX}px`, top: `${Math.floor(k / grid.across) * grid.stepY}px`,
        width: `${grid.side}px`, height: `${grid.high}px` });
    };
    const tiled = !p.grid.hidden && Boolean(grid);
    place(p.ring, this.get("selected"), tiled && this.get("selected") >= 0);
    place(p.cursor, this.tileAt, tiled && p.tiles.matches(":focus-visible"));
  }

  drawWords() {
    const { page: p, get, scene, summary } = this, isMap = scene.kind === "map" || scene.kind === "tiles";
    const name = get("title"), tiles = scene.kind === "tiles" && scene.tiles > 1, open = tiles && scene.open >= 0;
    p.title.textContent = name;
    p.picture.setAttribute("aria-label", get("alt") || name || "image");
    p.tiles.setAttribute("aria-label", `${scene.tiles} tiles: ${get("alt") || name}`);
    p.tileName.textContent = open ? get("names")[scene.open] || `tile ${scene.open}` : "";
    if (this.stale.size) this.remarks = remarks(scene, summary);
    p.note.textContent = [...(get("dimmed") ? ["This is the last good picture."] : []), ...this.remarks].join(" ");
    p.root.classList.toggle("cnnviz-dimmed", get("dimmed"));
    p.root.classList.toggle("cnnviz-busy", get("busy"));
    p.root.classList.toggle("cnnviz-tiled", tiles && get("enlarges"));
    p.controls.hidden = p.note.hidden = get("compact");
    p.close.hidden = !open;
    const pictures = scene.channels === 3 && !scene.signed; // their colours are what they are
    const spans = isMap && !pictures && scene.high > scene.low; // no span, no scale: the remark says "constant"
    p.scale.hidden = !spans || !get("has_scale");
    p.limit.hidden = !spans;
    p.legend.hidden = scene.kind !== "categories";
    if (this.stale.size && !p.scale.hidden) fillScale(p, scene, summary, this.table, get("unit"));
    if (this.stale.size && scene.kind === "categories") fillLegend(p.legend, scene);
    p.readout.dataset.hint = get("compact") ? "" : tiles && !open ? (get("enlarges") ? "Click a tile to enlarge it." : "Click a tile to see more of it.") : scene.image || isMap ? "Point at the picture to read its values." : "";
    this.drawControls(isMap);
  }

  /** The controls show the model's state; those that would do nothing now are away. */
  drawControls(isMap) {
    const { page: p, get, scene, summary } = this, laid = scene.open >= 0 && scene.onImage;
    for (const { buttons } of [p.show, p.smooth, p.tileScale]) for (const b of buttons) b.setAttribute("aria-pressed", b.value === String(get(b.name)));
    p.tileScale.node.hidden = scene.kind !== "tiles" || scene.tiles < 2 || (scene.channels === 3 && !scene.signed);
    p.show.node.hidden = p.opacity.node.hidden = !laid;
    p.smooth.node.hidden = !isMap || scene.open < 0 || !get("on_image");
    p.fadeLabel.hidden = !isMap || !laid;
    p.sliders.hidden = p.limit.hidden && p.opacity.node.hidden;
    p.fade.checked = get("fade");
    p.colormap.hidden = !isMap || scene.channels === 3;
    p.zoomGroup.hidden = p.stage.hidden = scene.open < 0 && (scene.kind === "tiles" || !scene.image);
    p.save.hidden = scene.kind === "none" && !scene.image;
    p.opacity.input.value = Math.round(100 * get("opacity"));
    p.opacity.output.textContent = `${p.opacity.input.value} %`;
    this.saturationRange = [0.02, clamp(Math.max(-summary.min, summary.max) / Math.max(...get("limits").map(Math.abs), 1e-300), 1, 100)];
    p.saturation.input.value = 100 * toSlider(get("saturation"), this.saturationRange);
    p.saturation.output.textContent = get("has_scale") ? `${scene.signed ? "±" : ""}${format(scene.high)}` : "";
    p.saturation.input.setAttribute("aria-valuetext", p.saturation.output.textContent);
    p.reset.disabled = get("saturation") === 1;
    const family = get("families")[scene.signed ? "diverging" : "sequential"];
    if (p.colormap.options.length !== family.length || p.colormap.options[0].value !== family[0]) {
      p.colormap.replaceChildren(...family.map((value) => h("option", { value, textContent: value })));
    }
    p.colormap.value = get("colormap");
  }
}

// The limit slider is logarithmic: equal steps look equally strong.
const toSlider = (k, [low, high]) => Math.log(clamp(k, low, high) / low) / Math.log(high / low);
const fromSlider = (s, [low, high]) => low * (high / low) ** s;

// ---------------------------------------------------------------- hands

function controls(view) {
  const { page: p } = view;
  for (const { buttons } of [p.show, p.smooth, p.tileScale]) for (const b of buttons) b.onclick = () => {
    view.set(b.name, b.name === "smooth" ? b.value === "true" : b.value);
    view.commit();
  };
  p.opacity.input.oninput = () => view.set("opacity", p.opacity.input.value / 100);
  p.saturation.input.oninput = () => view.set("saturation", fromSlider(p.saturation.input.value / 100, view.saturationRange));
  p.opacity.input.onchange = p.saturation.input.onchange = () => view.commit();
  p.reset.onclick = () => { view.set("saturation", 1); view.commit(); };
  p.colormap.onchange = () => { view.set("colormap", p.colormap.value); view.commit(); };
  p.fade.onchange = () => { view.set("fade", p.fade.checked); view.commit(); };
  p.zoomIn.onclick = () => zoomAt(view, 1.5, 0.5, 0.5);
  p.zoomOut.onclick = () => zoomAt(view, 1 / 1.5, 0.5, 0.5);
  p.whole.onclick = () => zoomAt(view, 0, 0.5, 0.5);
  p.save.onclick = () => savePicture(view);
}

/** Zoom by a factor, holding still the point at (x, y) of the frame, 0..1. Never beyond the image's edges. */
function zoomAt(view, factor, x, y, dx = 0, dy = 0) {
  const zoom = clamp(view.get("zoom") * factor, 1, 32), k = 1 / view.get("zoom") - 1 / zoom, half = 0.5 / zoom;
  const [cx, cy] = view.get("center");
  view.set("zoom", zoom);
  view.set("center", [clamp(cx + (x - 0.5) * k - dx / zoom, half, 1 - half), clamp(cy + (y - 0.5) * k - dy / zoom, half, 1 - half)]);
  view.commitSoon();
}

function select(view, tile) {
  view.set("selected", tile === view.get("selected") ? -1 : tile);
  view.commit();
}

const inFrame = (event, node) => {
  const box = node.getBoundingClientRect();
  return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
};

/** Tell the kernel which cell the pointer is on, some twenty times a second at most. */
function tellHover(view, cell) {
  if (!view.get("tells_hover") || String(cell) === String(view.get("hovered"))) return;
  view.set("hovered", cell);
  view.hovering ||= setTimeout(() => { view.hovering = 0; view.commit(); }, 40);
}

function tellClick(view) {
  view.set("clicked", cellAt(view.scene, ...view.at));
  view.commit();
}

function picture(view) {
  const { page: p } = view, canvas = p.picture;
  const read = () => {
    const said = reading(view.scene, ...view.at, view.get);
    p.readout.textContent = (view.leader && said.split(" · ").find((part) => part.startsWith("map"))) || said;
  };
  // Pictures with one leader are read together, at the place where the pointer is in one of them.
  view.readAt = (at) => {
    if (!at) p.readout.textContent = "";
    else if (view.scene) { view.at = at; read(); }
  };
  const tell = (at) => (view.leader ? view.leader.trigger("reading", at) : view.readAt(at));
  view.leader?.on("reading", view.readAt);
  const move = (row, column) => {
    const [height, width] = extent(view.scene);
    view.at = [clamp(row, 0, height - 1), clamp(column, 0, width - 1)];
    tell(view.at);
    tellHover(view, cellAt(view.scene, ...view.at));
  };
  view.reread = () => { if (p.readout.textContent && !p.stage.hidden && canvas.matches(":hover, :focus")) move(...view.at); };
  let held = null, pressed = null;
  canvas.onpointermove = (event) => {
    const [x, y] = inFrame(event, canvas), [cx, cy] = view.get("center"), zoom = view.get("zoom"), [height, width] = extent(view.scene);
    if (held) { zoomAt(view, 1, 0.5, 0.5, x - held[0], y - held[1]); held = [x, y]; }
    move(Math.floor(((y - 0.5) / zoom + cy) * height), Math.floor(((x - 0.5) / zoom + cx) * width));
  };
  canvas.onpointerdown = (event) => { held = pressed = inFrame(event, canvas); canvas.setPointerCapture(event.pointerId); };
  canvas.onpointerup = canvas.onpointercancel = () => { held = null; };
  canvas.onclick = (event) => { // a drag, which moves the picture, ends in a click as well
    const [x, y] = inFrame(event, canvas);
    if (pressed && Math.hypot(x - pressed[0], y - pressed[1]) < 0.012) { canvas.onpointermove(event); tellClick(view); }
  };
  canvas.onpointerleave = () => { tell(null); tellHover(view, []); };
  canvas.ondblclick = () => zoomAt(view, 0, 0.5, 0.5);
  canvas.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && !canvas.matches(":focus")) return; // the page scrolls as usual
    event.preventDefault();
    zoomAt(view, Math.exp(-event.deltaY / 300), ...inFrame(event, canvas));
  }, { passive: false });
  const steps = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
  canvas.onkeydown = (event) => {
    const step = steps[event.key], far = event.shiftKey ? 10 : 1, factor = { "+": 1.5, "=": 1.5, "-": 1 / 1.5, 0: 0 }[event.key];
    if (step) { move(view.at[0] + far * step[0], view.at[1] + far * step[1]); view.schedule(); }
    else if (factor !== undefined) zoomAt(view, factor, 0.5, 0.5);
    else if (event.key === "Enter" || event.key === " ") tellClick(view);
    else if (event.key === "Escape" && view.get("selected") >= 0) select(view, -1);
    else return;
    event.preventDefault();
  };
  canvas.onfocus = canvas.onblur = () => view.schedule();
  p.close.onclick = () => { select(view, -1); p.tiles.focus(); };
}

function tileGrid(view) {
  const { page: p } = view, canvas = p.tiles;
  const nameOf = (k) => { p.readout.textContent = k < 0 ? "" : `${view.get("names")[k] || `tile ${k}`}${view.summary.dead[k] ? " · zero everywhere" : ""}`; };
  const under = (event) => {
    const { across, stepX, stepY } = view.grid, box = canvas.getBoundingClientRect();
    const column = Math.floor((event.clientX - box.left) / stepX), k = Math.floor((event.clientY - box.top) / stepY) * across + column;
    return column < across && k < view.scene.tiles ? k : -1;
  };
  canvas.onpointermove = (event) => nameOf(under(event));
  canvas.onpointerleave = () => nameOf(-1);
  canvas.onclick = (event) => { const k = under(event); if (k >= 0) { view.tileAt = k; select(view, k); } };
  canvas.onkeydown = (event) => {
    const step = { ArrowUp: -view.grid.across, ArrowDown: view.grid.across, ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (step) { view.tileAt = clamp(view.tileAt + step, 0, view.scene.tiles - 1); nameOf(view.tileAt); view.schedule(); p.cursor.scrollIntoView({ block: "nearest" }); }
    else if (event.key === "Enter" || event.key === " ") select(view, view.tileAt);
    else if (event.key === "Escape") select(view, -1);
    else return;
    event.preventDefault();
  };
  canvas.onfocus = canvas.onblur = () => view.schedule();
}

/** The colour bar with its numbers, or the names of the classes, below a saved picture. */
function saveScale(context, { page: p, scene }, top, width) {
  context.font = "20px sans-serif";
  [...(p.legend.hidden ? [] : p.legend.children)].forEach((item, k) => {
    context.fillStyle = item.firstElementChild?.style.backgroundColor ?? "#fff";
    context.fillRect(24, top + 30 * k, 20, 20);
    context.fillStyle = "#000";
    context.fillText(item.textContent, 54, top + 30 * k + 10, width - 30);
  });
  if (p.scale.hidden) return;
  context.drawImage(p.bar, 24, top, width, 24);
  context.textAlign = "center";
  for (const { at, text } of ticks(scene.low, scene.high).marks) context.fillText(text, 24 + at * width, top + 42);
  context.fillText(p.unit.textContent, 24 + width / 2, top + 70, width);
}

/** The picture as it stands, twice as large, with title and scale, black on white in any theme. */
async function savePicture(view) {
  const { page: p, scene, grid } = view, staged = !p.stage.hidden, source = staged ? p.picture : p.tiles, head = 56;
  const scale = Math.min(2, 15_000 / source.clientHeight); // a canvas has at most 16384 px a side
  const width = Math.round(scale * source.clientWidth), height = Math.round(scale * source.clientHeight);
  const foot = 24 + (p.scale.hidden ? 0 : 92) + (p.legend.hidden ? 0 : 30 * p.legend.children.length);
  const out = h("canvas", { width: width + 48, height: head + height + foot }), context = out.getContext("2d");
  context.fillStyle = "#fff"; context.fillRect(0, 0, out.width, out.height);
  context.fillStyle = "#000"; context.font = "24px sans-serif"; context.textBaseline = "middle";
  context.fillText([view.get("title"), p.tileName.textContent].filter(Boolean).join(" · "), 24, head / 2, width);
  const inner = h("canvas", { width, height }), inside = inner.getContext("2d");
  if (staged) compose(inside, width, height, scene, view.layers, view.view());
  else {
    inside.scale(scale, scale);
    drawGrid(inside, scene, view.table, view.summary, view.get, grid, "#000");
  }
  context.drawImage(inner, 24, head);
  saveScale(context, view, head + height + 16, width);
  const url = URL.createObjectURL(await new Promise((done) => out.toBlob(done)));
  h("a", { href: url, download: `${view.get("title").replace(/[^\w\- ]+/g, "").trim() || "picture"}.png` }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

/** The model whose way of looking this one takes over, if it names one. */
const leaderOf = (model) => model.get("leader") && model.widget_manager.get_model(model.get("leader").replace("IPY_MODEL_", ""));

async function render({ model, el }) {
  const leader = await leaderOf(model), view = new LiveView(model, leader);
  el.append(view.page.root);
  controls(view); picture(view); tileGrid(view);
  const listen = (source, name) => {
    const changed = () => view.schedule(...(STALE[name] ?? []), ...(name.startsWith("values") ? ["summary"] : []));
    source.on(`change:${name}`, changed);
    return () => source.off(`change:${name}`, changed);
  };
  const forget = [...Object.keys(STALE).map((name) => listen(model, name)), ...(leader ? LOOKED_AT.map((name) => listen(leader, name)) : [])];
  const other = () => view.schedule();
  model.on("change", other);
  const sized = new ResizeObserver(() => view.schedule("grid"));
  sized.observe(view.page.root); sized.observe(view.page.grid);
  const themed = new MutationObserver(() => view.schedule("grid"));
  themed.observe(document.body, { attributes: true, attributeFilter: ["data-jp-theme-name"] });
  view.schedule();
  return () => {
    forget.forEach((off) => off());
    model.off("change", other);
    leader?.off("reading", view.readAt);
    sized.disconnect(); themed.disconnect();
    cancelAnimationFrame(view.frame); clearTimeout(view.timer); clearTimeout(view.hovering);
  };
}

export default { render };
