// From the model to the page: one redraw a frame, of what has become stale.

import { colorTable, imageCanvas, mapCanvas, shader } from "./live_colors.js";
import { compose, drawGrid, gridLayout } from "./live_drawing.js";
import { buildPage, fillLegend, fillScale } from "./live_page.js";
import { DISPLAY, extent, readScene, scaledFor, summarize } from "./live_scene.js";
import { remarks } from "./live_words.js";
import { clamp, number } from "./numbers.js";
import { h } from "./page.js";

const LAST_GOOD = "This is the last good picture.";
const BEHIND = "This picture is of the settings before.";
const ALL = ["base", "map", "grid", "summary"];

/** How it is looked at: what a picture that has a leader takes from it, so that one set of controls moves them all. */
export const LOOKED_AT = ["opacity", "colormap", "show", "smooth", "fade", "saturation", "zoom", "center"];

export class LiveView {
  constructor(model, leader, life) {
    this.model = model;
    this.leader = leader;
    const led = (name) =>
      leader && LOOKED_AT.includes(name) && (name !== "colormap" || leader.get("signed") === model.get("signed"));
    this.holder = (name) => (led(name) ? leader : model);
    this.get = (name) => this.holder(name).get(name);
    this.page = buildPage();
    this.stale = new Set(ALL);
    this.layers = { base: null, map: null };
    this.at = [0, 0]; // pixel that the keys or the pointer read
    this.tileAt = 0; // tile that the keys stand on
    this.drawn = 0;
    this.redraw = life.inNextFrame(() => this.draw());
    this.commitSoon = life.afterRest(250, () => this.commit());
    this.commitHover = life.within(40, () => this.commit());
  }

  /** Any number of changes before the next animation frame are one redraw. */
  schedule(...parts) {
    for (const part of parts) this.stale.add(part);
    this.redraw();
  }

  set(name, value) {
    this.holder(name).set(name, value);
  }
  commit() {
    this.model.save_changes();
    this.leader?.save_changes();
  }

  draw() {
    const { page: p, get, stale, layers } = this,
      read = readScene(get);
    if (stale.has("summary")) this.summary = summarize(read);
    const scene = scaledFor(read, this.summary, read.open);
    this.scene = scene;
    this.table = colorTable(get);
    if (stale.has("base")) layers.base = scene.image ? imageCanvas(scene) : null;
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
    const { page: p, scene } = this,
      [height, width] = extent(scene);
    p.stage.hidden = !width || (scene.open < 0 && scene.kind === "tiles");
    if (p.stage.hidden) return;
    const wide = Math.min(p.root.clientWidth - 4, (DISPLAY * width) / Math.max(height, width));
    if (wide <= 0) return; // not on the page yet: the ResizeObserver calls again
    const w = Math.round(wide * devicePixelRatio),
      hh = Math.round((w * height) / width);
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
    const [height, width] = extent(this.scene),
      { zoom, center } = this.view(),
      [row, column] = this.at;
    const x = ((column + 0.5) / width - center[0]) * zoom * w + w / 2,
      y = ((row + 0.5) / height - center[1]) * zoom * hh + hh / 2;
    for (const [color, size] of [
      ["#000", 4],
      ["#fff", 2],
    ]) {
      context.strokeStyle = color;
      context.lineWidth = size;
      context.beginPath();
      for (const [dx, dy] of [
        [1, 0],
        [-1, 0],
        [0, 1],
        [0, -1],
      ]) {
        context.moveTo(x + 5 * dx, y + 5 * dy);
        context.lineTo(x + 13 * dx, y + 13 * dy);
      }
      context.stroke();
    }
  }

  drawTiles() {
    const { page: p, scene } = this;
    p.grid.hidden = scene.kind !== "tiles" || scene.tiles < 2;
    const width = p.sheet.clientWidth;
    if (!width) return; // hidden, or not on the page yet: the ResizeObserver calls again
    const grid = gridLayout(scene, width, this.get("names").length > 0);
    this.grid = grid;
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
      Object.assign(node.style, {
        left: `${(k % grid.across) * grid.stepX}px`,
        top: `${Math.floor(k / grid.across) * grid.stepY}px`,
        width: `${grid.side}px`,
        height: `${grid.high}px`,
      });
    };
    const tiled = !p.grid.hidden && Boolean(grid);
    place(p.ring, this.get("selected"), tiled && this.get("selected") >= 0);
    place(p.cursor, this.tileAt, tiled && p.tiles.matches(":focus-visible"));
  }

  drawWords() {
    const { page: p, get, scene, summary } = this,
      isMap = scene.kind === "map" || scene.kind === "tiles";
    const name = get("title"),
      tiles = scene.kind === "tiles" && scene.tiles > 1,
      open = tiles && scene.open >= 0;
    p.title.textContent = name;
    p.picture.setAttribute("aria-label", `${get("behind") ? `${BEHIND} ` : ""}${get("alt") || name || "image"}`);
    p.tiles.setAttribute("aria-label", `${scene.tiles} tiles: ${get("alt") || name}`);
    p.tileName.textContent = open ? get("names")[scene.open] || `tile ${scene.open}` : "";
    if (this.stale.size) this.remarks = remarks(scene, summary);
    const state = get("dimmed") ? LAST_GOOD : get("behind") ? BEHIND : "";
    p.note.textContent = [...(state ? [state] : []), ...this.remarks].join(" ");
    p.root.classList.toggle("cnnviz-dimmed", get("dimmed"));
    p.root.classList.toggle("cnnviz-behind", get("behind"));
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
    p.readout.dataset.hint = get("compact")
      ? ""
      : tiles && !open
        ? get("enlarges")
          ? "Click a tile to enlarge it."
          : "Click a tile to see more of it."
        : scene.image || isMap
          ? "Point at the picture to read its values."
          : "";
    this.drawControls(isMap);
  }

  /** The controls show the model's state; those that would do nothing now are away. */
  drawControls(isMap) {
    const { page: p, get, scene, summary } = this,
      laid = scene.open >= 0 && scene.onImage;
    for (const { buttons } of [p.show, p.smooth, p.tile_scale])
      for (const b of buttons) b.setAttribute("aria-pressed", b.value === String(get(b.name)));
    p.tile_scale.node.hidden = scene.kind !== "tiles" || scene.tiles < 2 || (scene.channels === 3 && !scene.signed);
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
    this.saturationRange = [
      0.02,
      clamp(Math.max(-summary.min, summary.max) / Math.max(...get("limits").map(Math.abs), 1e-300), 1, 100),
    ];
    p.saturation.input.value = 100 * toSlider(get("saturation"), this.saturationRange);
    p.saturation.output.textContent = get("has_scale") ? `${scene.signed ? "±" : ""}${number(scene.high)}` : "";
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
export const fromSlider = (s, [low, high]) => low * (high / low) ** s;
