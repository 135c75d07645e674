// The graph of a network: zoom, pan, pick a layer, open and close groups, save. Places come from diagram_layout.py.
//
// Reading order: the page -> drawing a scene -> the window on it (zoom, pan) -> hands -> saving -> render.

const SVG = "http://www.w3.org/2000/svg";
const NEAREST = 3, SMALLEST_START = 0.8; // zoom: the closest one, and the furthest one with readable words
const FAMILIES = { conv: "convolution", norm: "normalisation", activation: "activation", pooling: "pooling", dense: "dense", merge: "merge", group: "group of layers", other: "other" };
const SAVED = ["fill", "fill-opacity", "stroke", "stroke-width", "stroke-opacity", "stroke-dasharray", "opacity", "font-family", "font-size", "font-weight", "text-anchor", "display"];

/** An element with attributes and children; text goes in as text. */
function make(namespace, tag, attributes = {}, ...children) {
  const node = namespace ? document.createElementNS(namespace, tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}
const s = (tag, attributes, ...children) => make(SVG, tag, attributes, ...children);
const h = (tag, attributes, ...children) => make(null, tag, attributes, ...children);

function buildPage() {
  const button = (text, title, label = text) => h("button", { type: "button", title, "aria-label": label }, text);
  const p = {
    out: button("−", "Zoom out (−)", "Zoom out"), fit: button("Fit", "Show the whole diagram (0)"), in: button("+", "Zoom in (+)", "Zoom in"),
    open: button("Open all", "Show what is inside of every group"), close: button("Close all", "Show groups as one box each"),
    full: button("Full screen", "Use the whole screen; Escape leaves it"),
    svg: button("SVG", "Save the diagram as a drawing (SVG)", "Save as SVG"), png: button("PNG", "Save the diagram as a picture (PNG)", "Save as PNG"),
    world: s("g"), hint: h("div", { class: "cnnviz-diagram-hint", "aria-live": "polite" }),
    help: h("div", { class: "cnnviz-diagram-help" }),
  };
  p.help.textContent = "Drag to move. Ctrl + wheel zooms; after a click into the diagram the wheel alone does. Double click opens a group.";
  p.picture = s("svg", { xmlns: SVG, "aria-hidden": "true" }, p.world);
  p.window = h("div", { class: "cnnviz-diagram-window", tabindex: "0", role: "application", "aria-label": "Diagram of the network",
    "aria-description": "Arrow keys walk, Enter picks a layer or opens a group, plus and minus zoom, 0 shows all." }, p.picture);
  const group = (label, ...buttons) => h("div", { class: "cnnviz-segments", role: "group", "aria-label": label }, ...buttons);
  p.groups = group("Groups", p.open, p.close);
  p.tools = h("div", { class: "cnnviz-diagram-tools" }, group("Zoom", p.out, p.fit, p.in), p.groups, p.full, group("Save", p.svg, p.png));
  p.legend = h("ul", { class: "cnnviz-diagram-legend", "aria-label": "Colours" });
  p.root = h("div", { class: "cnnviz-diagram", "data-lm-suppress-shortcuts": "true" }, p.tools, p.window, p.hint, p.legend, p.help);
  return p;
}

// ---------------------------------------------------------------- drawing a scene

function drawEdge(edge) {
  const [[x0, y0], ...rest] = edge.points;
  let d = `M${x0} ${y0}`, [x, y] = [x0, y0], down = 1;
  for (const [nx, ny] of rest) {
    if (ny !== y) down = Math.sign(ny - y);
    d += Math.abs(nx - x) < 0.5 ? `L${nx} ${ny}` : `C${x} ${(y + ny) / 2} ${nx} ${(y + ny) / 2} ${nx} ${ny}`;
    [x, y] = [nx, ny];
  }
  const line = s("g", { class: "cnnviz-edge" }, s("path", { d, class: "cnnviz-line" }));
  if (edge.arrow) line.append(s("path", { d: `M${x - 4} ${y - 7 * down}L${x} ${y}L${x + 4} ${y - 7 * down}Z`, class: "cnnviz-tip" }));
  line.ends = [edge.from, edge.to];
  return line;
}

function knob(x, y, sign) {
  const path = sign === "+" ? "M-4 0H4M0 -4V4" : "M-4 0H4";
  return s("g", { class: "cnnviz-knob", transform: `translate(${x} ${y})` }, s("circle", { r: 8.5 }), s("path", { d: path }));
}

function drawBox(box) {
  const title = s("text", { x: box.x + 12, y: box.y + 18, class: "cnnviz-name" });
  title.textContent = box.title;
  const frame = s("rect", { x: box.x, y: box.y, width: box.width, height: box.height, rx: 8, class: `cnnviz-enclosure cnnviz-level${box.level % 2}` });
  const node = s("g", { class: "cnnviz-node cnnviz-open" }, frame, title, knob(box.x + box.width - 16, box.y + 14, "−"));
  return named(node, box);
}

function drawNode(item) {
  const { x, y, width, height } = item, shape = { x, y, width, height, rx: 4 };
  const node = s("g", { class: `cnnviz-node cnnviz-${item.family}` });
  if (item.group) for (const by of [6, 3]) node.append(s("rect", { ...shape, x: x + by, y: y + by, class: "cnnviz-paper" }), s("rect", { ...shape, x: x + by, y: y + by, class: "cnnviz-tint" }));
  node.append(s("rect", { ...shape, class: "cnnviz-paper" }), s("rect", { ...shape, class: "cnnviz-tint" }), s("rect", { x, y, width: 5, height, rx: 2, class: "cnnviz-stripe" }));
  const strip = height < 30;
  const name = s("text", { x: x + 12, y: strip ? y + height / 2 + 4 : y + 17, class: "cnnviz-name" });
  const detail = s("text", strip ? { x: x + width - 8, y: y + height / 2 + 4, class: "cnnviz-detail", "text-anchor": "end" } : { x: x + 12, y: y + 33, class: "cnnviz-detail" });
  name.textContent = item.title;
  detail.textContent = item.detail;
  if (strip) name.classList.add("cnnviz-light");
  node.append(name, detail);
  if (item.group) node.append(knob(x + width - 15, y + 15, "+"));
  node.append(s("rect", { ...shape, class: "cnnviz-ring" }));
  return named(node, item);
}

/** Fonts differ in width: what is longer than its room is squeezed into it. */
function squeeze(node) {
  const { item } = node, [name, detail] = node.querySelectorAll("text"), strip = item.height < 30;
  const beside = strip ? detail.getComputedTextLength() + 6 : item.group ? 16 : 0;
  for (const [text, room] of [[detail, item.width - 20], [name, item.width - 18 - beside]]) {
    if (text.getComputedTextLength() > room) for (const [key, value] of [["textLength", room], ["lengthAdjust", "spacingAndGlyphs"]]) text.setAttribute(key, value);
  }
}

function named(node, item) {
  const title = s("title");
  title.textContent = item.hint;
  node.append(title);
  node.item = item;
  return node;
}

function fillLegend(list, nodes) {
  const seen = new Set(nodes.map((node) => node.family));
  list.replaceChildren(...Object.keys(FAMILIES).filter((family) => seen.has(family)).map((family) => h("li", { class: `cnnviz-${family}` }, h("i"), FAMILIES[family])));
}

// ---------------------------------------------------------------- saving

/** The whole scene as a drawing of its own, with the colours that it has on this page. */
function drawing(p, scene) {
  const edge = 16, width = scene.width + 2 * edge, height = scene.height + 2 * edge;
  const copy = p.world.cloneNode(true), style = getComputedStyle(p.window);
  copy.removeAttribute("transform");
  const [from, to] = [p.world, copy].map((world) => world.querySelectorAll("*"));
  from.forEach((node, index) => {
    const seen = getComputedStyle(node);
    for (const name of SAVED) to[index].setAttribute(name, seen.getPropertyValue(name));
    to[index].removeAttribute("class");
  });
  const paper = s("rect", { x: -edge, y: -edge, width, height, fill: style.backgroundColor });
  return s("svg", { xmlns: SVG, width, height, viewBox: `${-edge} ${-edge} ${width} ${height}` }, paper, copy);
}

function save(blob, name) {
  const url = URL.createObjectURL(blob);
  h("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000); // the browser may still be reading it
}

const asBlob = (svg) => new Blob([new XMLSerializer().serializeToString(svg)], { type: "image/svg+xml" });

async function rasterised(svg) {
  const [width, height] = ["width", "height"].map((name) => Number(svg.getAttribute(name)));
  const scale = Math.min(2, 16000 / Math.max(width, height), Math.sqrt(120e6 / (width * height))); // what canvases can hold
  const url = URL.createObjectURL(asBlob(svg)), image = new Image();
  image.src = url;
  await image.decode();
  const canvas = h("canvas", { width: Math.round(width * scale), height: Math.round(height * scale) });
  canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
  URL.revokeObjectURL(url);
  return new Promise((done) => canvas.toBlob(done, "image/png"));
}

// ---------------------------------------------------------------- render

function render({ model, el }) {
  const p = buildPage();
  el.append(p.root);
  let view = null; // {x, y, scale}: a point of the scene is at scale * point + (x, y) in the window
  let nodes = new Map(), edges = [], cursor = null, shown = null, hold = null, revealed = null;

  // ---- the window on the scene

  const size = () => [p.window.clientWidth, p.window.clientHeight];
  const scene = () => model.get("scene");

  function place() {
    const far = view.scale < 0.4;
    if (far !== p.root.classList.contains("cnnviz-far")) {
      // Then only the names of open groups are written, beside them.
      for (const { item, firstElementChild: frame, children } of nodes.values()) {
        if (item.open) children[1].setAttribute("x", far ? item.x + item.width : Number(frame.getAttribute("x")) + 12);
      }
    }
    p.world.style.setProperty("--scale", view.scale);
    p.world.setAttribute("transform", `translate(${view.x} ${view.y}) scale(${view.scale})`);
    p.root.classList.toggle("cnnviz-far", far);
  }

  function whole(smallest = 0) {
    const [width, height] = size(), { width: w, height: t } = scene();
    const scale = Math.max(smallest, Math.min(1.2, (width - 24) / w, (height - 24) / t));
    view = { scale, x: (width - w * scale) / 2, y: Math.max(12, (height - t * scale) / 2) };
    place();
  }

  function zoom(factor, [x, y] = size().map((n) => n / 2)) {
    const scale = Math.min(NEAREST, Math.max(0.03, view.scale * factor));
    const by = scale / view.scale;
    view = { scale, x: x - (x - view.x) * by, y: y - (y - view.y) * by };
    place();
  }

  function move(dx, dy) {
    const [width, height] = size(), { width: w, height: t } = scene(), kept = 60;
    view.x = Math.min(width - kept, Math.max(kept - w * view.scale, view.x + dx));
    view.y = Math.min(height - kept, Math.max(kept - t * view.scale, view.y + dy));
    place();
  }

  /** Move a box into the window, if it is not there; with the group around it, where there is room. */
  function bring(path) {
    const item = nodes.get(path)?.item;
    if (!item || !view) return;
    const [width, height] = size(), margin = 8;
    const frame = nodes.get((model.get("around")[path] ?? []).at(-1))?.item;
    if (frame && frame.width * view.scale < width - 2 * margin && frame.height * view.scale < height - 2 * margin) return bring(frame.path);
    const shift = (start, length, extent) => {
      if (start < margin && start + length < extent - margin) return margin - start + Math.max(0, (extent - length) / 3);
      if (start + length > extent - margin && start > margin) return extent - margin - start - length - Math.max(0, (extent - length) / 3);
      return 0;
    };
    const tall = item.open && item.height * view.scale > height ? 30 : item.height;
    move(shift(view.x + item.x * view.scale, item.width * view.scale, width), shift(view.y + item.y * view.scale, tall * view.scale, height));
  }

  // ---- drawing

  /** The box that stands for a layer: its own, or the closed group around it. */
  function boxOf(path) {
    if (!path) return null;
    const around = model.get("around")[path] ?? [];
    return nodes.has(path) ? path : [...around].reverse().find((group) => nodes.has(group)) ?? null;
  }

  function draw() {
    const { boxes, nodes: items, edges: lines, name } = scene();
    hold ??= nodes.has("") && view ? held("") : null;
    edges = lines.map(drawEdge);
    const frames = boxes.map(drawBox), drawn = items.map(drawNode);
    nodes = new Map([...frames, ...drawn].map((node) => [node.item.path, node]));
    p.world.replaceChildren(...frames, ...edges, ...drawn);
    p.root.classList.remove("cnnviz-far"); // what is new is drawn for near
    p.groups.hidden = !Object.values(model.get("around")).some((around) => around.length);
    drawn.forEach(squeeze);
    fillLegend(p.legend, items);
    p.root.dataset.nodes = items.length;
    if (!size()[0]) return; // not on the page yet
    if (!view || shown !== name) start();
    else if (hold && nodes.has(hold.path)) {
      const item = nodes.get(hold.path).item;
      view.x += hold.x - (view.x + (item.x + item.width / 2) * view.scale);
      view.y += hold.y - (view.y + item.y * view.scale);
      place();
    } else place();
    hold = null;
    mark();
    reveal();
  }

  /** Bring what was picked elsewhere into the window, once: when it is first drawn. */
  function reveal() {
    const selected = model.get("selected");
    if (selected === revealed) return;
    bring(boxOf(selected));
    if (nodes.has(selected)) revealed = selected;
  }

  function start() {
    const first = scene().nodes[0];
    shown = scene().name;
    whole(SMALLEST_START);
    if (first) view.x = size()[0] / 2 - (first.x + first.width / 2) * view.scale;
    place();
  }

  function mark() {
    const chosen = boxOf(model.get("selected"));
    for (const [path, node] of nodes) {
      node.classList.toggle("cnnviz-chosen", path === chosen);
      node.classList.toggle("cnnviz-inside", path === chosen && path !== model.get("selected"));
      node.classList.toggle("cnnviz-cursor", path === cursor);
    }
    for (const edge of edges) edge.classList.toggle("cnnviz-chosen", chosen !== null && edge.ends.includes(chosen));
    p.hint.textContent = nodes.get(cursor ?? chosen)?.item.hint ?? "";
  }

  // ---- hands

  /** Where a box is in the window: it stays there, whatever moves around it when another scene is drawn. */
  function held(path) {
    const { item } = nodes.get(path);
    return { path, x: view.x + (item.x + item.width / 2) * view.scale, y: view.y + item.y * view.scale };
  }

  function toggle(path) {
    const { item } = nodes.get(path), open = model.get("opened");
    hold = held(path);
    model.set("opened", item.open ? open.filter((other) => other !== path) : [...open, path]);
    model.save_changes();
  }

  function pick(path) {
    if (!nodes.get(path)?.item.layer) return;
    model.set("selected", path);
    model.save_changes();
  }

  function walk(dx, dy) {
    const here = nodes.get(cursor ?? boxOf(model.get("selected")))?.item ?? scene().nodes[0];
    const middle = (item) => [item.x + item.width / 2, item.y + (item.open ? 0 : item.height / 2)];
    const [x, y] = middle(here);
    let best = null, nearest = Infinity;
    for (const [path, { item }] of nodes) {
      const [ox, oy] = middle(item), along = (ox - x) * dx + (oy - y) * dy, across = Math.abs((ox - x) * dy) + Math.abs((oy - y) * dx);
      const far = along + 2 * across;
      if (along > 1 && far < nearest && (dy || across < 60)) [best, nearest] = [path, far];
    }
    if (best === null) return;
    cursor = best;
    mark();
    bring(best);
  }

  const target = (event) => event.target.closest?.(".cnnviz-node")?.item;
  const at = (event) => {
    const frame = p.window.getBoundingClientRect();
    return [event.clientX - frame.left, event.clientY - frame.top];
  };
  let drag = null;
  p.window.onpointerdown = (event) => {
    if (event.button === 0) drag = { id: event.pointerId, x: event.clientX, y: event.clientY, moved: false };
  };
  p.window.onpointermove = (event) => {
    if (!drag) return;
    const dx = event.clientX - drag.x, dy = event.clientY - drag.y;
    if (!drag.moved && Math.hypot(dx, dy) < 4) return;
    if (!drag.moved) p.window.setPointerCapture(drag.id); // only now: a captured click would not reach its box
    Object.assign(drag, { moved: true, x: event.clientX, y: event.clientY });
    p.window.classList.add("cnnviz-dragging");
    move(dx, dy);
  };
  p.window.onpointerup = p.window.onpointercancel = (event) => {
    const item = target(event), clicked = event.type === "pointerup" && drag && !drag.moved;
    drag = null;
    p.window.classList.remove("cnnviz-dragging");
    if (!clicked || !item) return;
    cursor = item.path;
    if (event.target.closest(".cnnviz-knob")) toggle(item.path);
    else pick(item.path);
    mark();
  };
  p.window.ondblclick = (event) => {
    const item = target(event);
    if (item && (item.group || item.open) && !event.target.closest(".cnnviz-knob")) toggle(item.path);
  };
  p.window.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && !p.window.contains(document.activeElement)) return; // the page scrolls
    event.preventDefault();
    zoom(Math.exp(-event.deltaY * (event.deltaMode ? 0.06 : 0.0016)), at(event));
  }, { passive: false });
  const KEYS = {
    "+": () => zoom(1.25), "=": () => zoom(1.25), "-": () => zoom(0.8), "−": () => zoom(0.8), 0: () => whole(),
    ArrowDown: () => walk(0, 1), ArrowUp: () => walk(0, -1), ArrowLeft: () => walk(-1, 0), ArrowRight: () => walk(1, 0),
    Enter: () => {
      const item = nodes.get(cursor)?.item;
      if (item?.group || item?.open) toggle(cursor);
      else if (item) pick(cursor);
    },
    Escape: () => p.window.blur(),
  };
  p.window.onkeydown = (event) => {
    if (!(event.key in KEYS) || event.metaKey || event.ctrlKey) return;
    event.preventDefault();
    KEYS[event.key]();
  };
  p.root.addEventListener("keydown", (event) => event.stopPropagation());
  p.in.onclick = () => zoom(1.25);
  p.out.onclick = () => zoom(0.8);
  p.fit.onclick = () => whole();
  const openAll = (paths) => {
    model.set("opened", paths);
    model.save_changes();
    shown = null; // another picture: begin at its top
  };
  p.open.onclick = () => openAll([...new Set(Object.values(model.get("around")).flat())]);
  p.close.onclick = () => openAll([]);
  p.full.onclick = () => (document.fullscreenElement ? document.exitFullscreen() : p.root.requestFullscreen?.());
  p.full.hidden = !document.fullscreenEnabled;
  p.svg.onclick = () => save(asBlob(drawing(p, scene())), `${scene().name}.svg`);
  p.png.onclick = async () => save(await rasterised(drawing(p, scene())), `${scene().name}.png`);

  model.on("change:scene", draw);
  model.on("change:selected", () => {
    cursor = null;
    mark();
    reveal();
  });
  const watch = new ResizeObserver(() => {
    if (size()[0] && !view) draw();
  });
  watch.observe(p.window);
  draw();
  return () => watch.disconnect();
}

export default { render };
