// How the live view's pictures are put together on a canvas: the stage with its outlines, and the grid of tiles.

import { paint, shader } from "./live_colors.js";
import { DISPLAY, scaledFor } from "./live_scene.js";
import { clamp } from "./numbers.js";

/** Image, then map, then outlines, through zoom and pan: the same lines draw the screen and the saved picture. */
export function compose(ctx, width, height, scene, layers, view) {
  composeLayers(ctx, width, height, scene, layers, view);
  const { zoom, center, box, clicked } = view,
    overImage = scene.image && (scene.onImage || scene.open < 0);
  const outline = (top, left, bottom, right, color) => {
    const [x, y] = [left, right].map((f) => ((f - center[0]) * zoom + 0.5) * width),
      [u, v] = [top, bottom].map((f) => ((f - center[1]) * zoom + 0.5) * height);
    for (const [line, style] of [
      [width / 90, "#000a"],
      [width / 200, color],
    ]) {
      ctx.lineWidth = line;
      ctx.strokeStyle = style;
      ctx.strokeRect(x, u, y - x, v - u);
    }
  };
  const share = (f) => clamp(f, 0.004, 0.996); // an edge beyond the image is drawn along the image's
  if (clicked.length && clicked[0] === scene.open) {
    const [rows, cols] = scene.open < 0 ? [scene.height, scene.width] : [scene.rows, scene.cols],
      [, row, column] = clicked;
    outline(row / rows, column / cols, (row + 1) / rows, (column + 1) / cols, "#fff");
  }
  if (box.length && overImage) {
    const [top, left, bottom, right] = box;
    outline(
      share(top / scene.height),
      share(left / scene.width),
      share(bottom / scene.height),
      share(right / scene.width),
      "#ffb000",
    );
  }
}

function composeLayers(ctx, width, height, scene, layers, view) {
  const { zoom, center, show, opacity } = view;
  const x = width * (0.5 - center[0] * zoom),
    y = height * (0.5 - center[1] * zoom);
  ctx.clearRect(0, 0, width, height);
  const withImage = layers.base && (scene.onImage || scene.open < 0) && (show !== "map" || !layers.map);
  if (withImage) {
    // A digit of 28 px is made of squares and shows them; a photograph is samples of something smooth.
    ctx.imageSmoothingEnabled = Math.max(scene.height, scene.width) >= 128;
    ctx.imageSmoothingQuality = "high";
    ctx.drawImage(layers.base, x, y, width * zoom, height * zoom);
  }
  if (!layers.map || (show === "image" && scene.onImage)) return;
  ctx.globalAlpha = withImage ? opacity : 1;
  ctx.imageSmoothingEnabled = scene.smooth;
  ctx.drawImage(layers.map, x, y, width * zoom, height * zoom);
  ctx.globalAlpha = 1;
}

function hatch(ctx, x, y, width, height) {
  ctx.save();
  ctx.beginPath();
  ctx.rect(x, y, width, height);
  ctx.clip();
  ctx.fillStyle = "#9993";
  ctx.fillRect(x, y, width, height);
  ctx.strokeStyle = "#8889";
  ctx.lineWidth = 1;
  ctx.beginPath();
  for (let d = -height; d < width; d += 6) {
    ctx.moveTo(x + d, y + height);
    ctx.lineTo(x + d + height, y);
  }
  ctx.stroke();
  ctx.restore();
}

function strike(ctx, x, y, width, height) {
  for (const [line, style] of [
    [3.5, "#fffb"],
    [1.5, "#000c"],
  ]) {
    ctx.lineWidth = line;
    ctx.strokeStyle = style;
    ctx.beginPath();
    ctx.moveTo(x + 2, y + height - 2);
    ctx.lineTo(x + width - 2, y + 2);
    ctx.stroke();
  }
}

/** Where each tile stands in a grid of that width, in CSS px. */
export function gridLayout({ tiles, rows, cols }, width, captions) {
  const wanted = clamp(Math.sqrt((width * DISPLAY * 0.9) / tiles), 32, 112),
    gap = 4;
  const across = clamp(Math.floor((width + gap) / (wanted + gap)), Math.min(tiles, 3), tiles);
  const side = Math.min((width + gap) / across - gap, 112),
    high = (side * rows) / cols;
  const caption = captions && side >= 44 ? 14 : 0,
    stepX = side + gap,
    stepY = high + caption + gap;
  return { across, side, high, caption, stepX, stepY, height: Math.ceil(tiles / across) * stepY };
}

/** Every tile at its place. Cells stay squares; only a tile larger than its place is averaged down. */
export function drawGrid(ctx, scene, table, summary, get, grid, color) {
  const { side, high, across, stepX, stepY, caption } = grid,
    sharp = { ...scene, smooth: false, fade: false };
  const shared = shader(sharp, table),
    names = get("names"),
    struck = new Set(get("struck"));
  ctx.imageSmoothingEnabled = scene.cols > side * devicePixelRatio;
  ctx.font = "10px sans-serif";
  ctx.textAlign = "center";
  ctx.textBaseline = "top";
  const stamp = new OffscreenCanvas(scene.cols, scene.rows),
    stampContext = stamp.getContext("2d");
  for (let k = 0; k < scene.tiles; k++) {
    const x = (k % across) * stepX,
      y = Math.floor(k / across) * stepY;
    const own = scene.own && scaledFor(sharp, summary, k);
    stampContext.putImageData(paint(own || sharp, k, scene.cols, scene.rows, own ? shader(own, table) : shared), 0, 0);
    ctx.drawImage(stamp, x, y, side, high);
    if (summary.dead[k]) {
      ctx.clearRect(x, y, side, high);
      hatch(ctx, x, y, side, high);
    }
    if (struck.has(k)) strike(ctx, x, y, side, high);
    if (!caption) continue;
    ctx.fillStyle = color;
    const fitting = shorter(names[k] || String(k)).find((text) => ctx.measureText(text).width <= side);
    ctx.fillText(fitting ?? "", x + side / 2, y + high + 2);
  }
}

/** "filter 12 · silent", "12 · silent", "12": never the tile's place, which is another number once tiles are sorted. */
export const shorter = (name) => [name, name.replace(/^[^\d]* (?=\d)/, ""), name.match(/\d+/)?.[0] ?? ""];
