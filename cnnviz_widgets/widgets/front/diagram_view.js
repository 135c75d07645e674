// The window on the scene (zoom, pan), what is drawn in it, and which box is marked.

import { buildPage, drawBox, drawEdge, drawNode, fillLegend, squeeze } from "./diagram_page.js";
import { clamp } from "./numbers.js";

const NEAREST = 3,
  FURTHEST = 0.03; // zoom
const SMALLEST_START = 0.8; // the furthest zoom with readable words
const FAR = 0.4; // below it only the names of open groups are written, beside them
const KEPT = 60; // px of the scene that stay in the window, wherever it is moved to

export class DiagramView {
  constructor(model) {
    this.model = model;
    this.page = buildPage();
    this.at = null; // {x, y, scale}: a point of the scene is at scale * point + (x, y) in the window
    this.nodes = new Map(); // path -> element with .item
    this.edges = [];
    this.cursor = null; // path of the box that the keys stand on
    this.shown = null; // name of the scene that is drawn
    this.hold = null; // the box that stays where it is when another scene is drawn
    this.revealed = null;
  }

  get scene() {
    return this.model.get("scene");
  }

  get size() {
    return [this.page.window.clientWidth, this.page.window.clientHeight];
  }

  item(path) {
    return this.nodes.get(path)?.item;
  }

  around(path) {
    return this.model.get("around")[path] ?? [];
  }

  set(name, value) {
    this.model.set(name, value);
    this.model.save_changes();
  }

  // ---- the window on the scene

  place() {
    const { page: p, at } = this,
      far = at.scale < FAR;
    if (far !== p.root.classList.contains("cnnviz-far")) {
      for (const { item, firstElementChild: frame, children } of this.nodes.values()) {
        if (item.open) children[1].setAttribute("x", far ? item.x + item.width : Number(frame.getAttribute("x")) + 12);
      }
    }
    p.world.style.setProperty("--scale", at.scale);
    p.world.setAttribute("transform", `translate(${at.x} ${at.y}) scale(${at.scale})`);
    p.root.classList.toggle("cnnviz-far", far);
  }

  whole(smallest = 0) {
    const [width, height] = this.size,
      { width: w, height: t } = this.scene;
    const scale = Math.max(smallest, Math.min(1.2, (width - 24) / w, (height - 24) / t));
    this.at = { scale, x: (width - w * scale) / 2, y: Math.max(12, (height - t * scale) / 2) };
    this.place();
  }

  zoom(factor, [x, y] = this.size.map((n) => n / 2)) {
    const { at } = this,
      scale = clamp(at.scale * factor, FURTHEST, NEAREST),
      by = scale / at.scale;
    this.at = { scale, x: x - (x - at.x) * by, y: y - (y - at.y) * by };
    this.place();
  }

  move(dx, dy) {
    const { at } = this,
      [width, height] = this.size,
      { width: w, height: t } = this.scene;
    at.x = Math.min(width - KEPT, Math.max(KEPT - w * at.scale, at.x + dx));
    at.y = Math.min(height - KEPT, Math.max(KEPT - t * at.scale, at.y + dy));
    this.place();
  }

  /** Move a box into the window, if it is not there; with the group around it, where there is room. */
  bring(path) {
    const item = this.item(path),
      { at } = this;
    if (!item || !at) return;
    const [width, height] = this.size,
      margin = 8;
    const frame = this.item(this.around(path).at(-1));
    const fits = frame && frame.width * at.scale < width - 2 * margin && frame.height * at.scale < height - 2 * margin;
    if (fits) return this.bring(frame.path);
    const shift = (start, length, extent) => {
      const end = start + length,
        aside = margin + Math.max(0, (extent - length) / 3);
      if (start < margin && end < extent - margin) return aside - start;
      return end > extent - margin && start > margin ? extent - aside - end : 0;
    };
    const tall = item.open && item.height * at.scale > height ? 30 : item.height;
    const across = shift(at.x + item.x * at.scale, item.width * at.scale, width);
    this.move(across, shift(at.y + item.y * at.scale, tall * at.scale, height));
  }

  /** Where a box is in the window: it stays there, whatever moves around it when another scene is drawn. */
  held(path) {
    const item = this.item(path),
      { at } = this;
    return { path, x: at.x + (item.x + item.width / 2) * at.scale, y: at.y + item.y * at.scale };
  }

  // ---- drawing

  draw() {
    const { page: p, scene } = this;
    this.hold ??= this.nodes.has("") && this.at ? this.held("") : null;
    this.edges = scene.edges.map(drawEdge);
    const frames = scene.boxes.map(drawBox),
      drawn = scene.nodes.map(drawNode);
    this.nodes = new Map([...frames, ...drawn].map((node) => [node.item.path, node]));
    p.world.replaceChildren(...frames, ...this.edges, ...drawn);
    p.root.classList.remove("cnnviz-far"); // what is new is drawn for near
    p.groups.hidden = !Object.values(this.model.get("around")).some((around) => around.length);
    drawn.forEach(squeeze);
    fillLegend(p.legend, scene.nodes);
    p.root.dataset.nodes = scene.nodes.length;
    if (!this.size[0]) return; // not on the page yet
    this.settle();
    this.mark();
    this.reveal();
  }

  /** The window on a scene that has just been drawn: at its start if it is new, otherwise where it was. */
  settle() {
    const { hold, at } = this;
    this.hold = null;
    if (!at || this.shown !== this.scene.name) return this.start();
    if (hold && this.nodes.has(hold.path)) {
      const now = this.held(hold.path);
      at.x += hold.x - now.x;
      at.y += hold.y - now.y;
    }
    this.place();
  }

  start() {
    const [first] = this.scene.nodes;
    this.shown = this.scene.name;
    this.whole(SMALLEST_START);
    if (first) this.at.x = this.size[0] / 2 - (first.x + first.width / 2) * this.at.scale;
    this.place();
  }

  // ---- what is picked

  /** The box that stands for a layer: its own, or the closed group around it. */
  boxOf(path) {
    if (!path) return null;
    return this.nodes.has(path) ? path : (this.around(path).findLast((group) => this.nodes.has(group)) ?? null);
  }

  mark() {
    const selected = this.model.get("selected"),
      chosen = this.boxOf(selected);
    for (const [path, node] of this.nodes) {
      node.classList.toggle("cnnviz-chosen", path === chosen);
      node.classList.toggle("cnnviz-inside", path === chosen && path !== selected);
      node.classList.toggle("cnnviz-cursor", path === this.cursor);
    }
    for (const edge of this.edges)
      edge.classList.toggle("cnnviz-chosen", chosen !== null && edge.ends.includes(chosen));
    this.page.hint.textContent = this.item(this.cursor ?? chosen)?.hint ?? "";
  }

  /** Bring what was picked elsewhere into the window, once: when it is first drawn. */
  reveal() {
    const selected = this.model.get("selected");
    if (selected === this.revealed) return;
    this.bring(this.boxOf(selected));
    if (this.nodes.has(selected)) this.revealed = selected;
  }
}
