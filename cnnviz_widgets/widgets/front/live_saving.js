// The live view's picture as a file, with its title and its scale.

import { blobOf, download } from "./drawing.js";
import { compose, drawGrid } from "./live_drawing.js";
import { ticks } from "./live_words.js";
import { h } from "./page.js";

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
export async function savePicture(view) {
  const { page: p, scene, grid } = view,
    staged = !p.stage.hidden,
    source = staged ? p.picture : p.tiles,
    head = 56;
  const scale = Math.min(2, 15_000 / source.clientHeight); // a canvas has at most 16384 px a side
  const width = Math.round(scale * source.clientWidth),
    height = Math.round(scale * source.clientHeight);
  const foot = 24 + (p.scale.hidden ? 0 : 92) + (p.legend.hidden ? 0 : 30 * p.legend.children.length);
  const out = h("canvas", { width: width + 48, height: head + height + foot }),
    context = out.getContext("2d");
  context.fillStyle = "#fff";
  context.fillRect(0, 0, out.width, out.height);
  context.fillStyle = "#000";
  context.font = "24px sans-serif";
  context.textBaseline = "middle";
  context.fillText([view.get("title"), p.tileName.textContent].filter(Boolean).join(" · "), 24, head / 2, width);
  const inner = h("canvas", { width, height }),
    inside = inner.getContext("2d");
  if (staged) compose(inside, width, height, scene, view.layers, view.view());
  else {
    inside.scale(scale, scale);
    drawGrid(inside, scene, view.table, view.summary, view.get, grid, "#000");
  }
  context.drawImage(inner, 24, head);
  saveScale(context, view, head + height + 16, width);
  download(
    await blobOf(out),
    `${
      view
        .get("title")
        .replace(/[^\w\- ]+/g, "")
        .trim() || "picture"
    }.png`,
  );
}
