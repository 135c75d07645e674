// The diagram as a file: a drawing of its own, or a picture of that.

import { blobOf, download } from "./drawing.js";
import { h, svg } from "./page.js";

const SAVED = [
  "fill",
  "fill-opacity",
  "stroke",
  "stroke-width",
  "stroke-opacity",
  "stroke-dasharray",
  "opacity",
  "font-family",
  "font-size",
  "font-weight",
  "text-anchor",
  "display",
];

/** The whole scene as a drawing of its own, with the colours that it has on this page. */
function drawing(p, scene) {
  const edge = 16,
    width = scene.width + 2 * edge,
    height = scene.height + 2 * edge;
  const copy = p.world.cloneNode(true),
    style = getComputedStyle(p.window);
  copy.removeAttribute("transform");
  const [from, to] = [p.world, copy].map((world) => world.querySelectorAll("*"));
  from.forEach((node, index) => {
    const seen = getComputedStyle(node);
    for (const name of SAVED) to[index].setAttribute(name, seen.getPropertyValue(name));
    to[index].removeAttribute("class");
  });
  const paper = svg("rect", { x: -edge, y: -edge, width, height, fill: style.backgroundColor });
  return svg("svg", { width, height, viewBox: `${-edge} ${-edge} ${width} ${height}` }, paper, copy);
}

const asBlob = (picture) => new Blob([new XMLSerializer().serializeToString(picture)], { type: "image/svg+xml" });

async function rasterised(picture) {
  const [width, height] = ["width", "height"].map((name) => Number(picture.getAttribute(name)));
  const scale = Math.min(2, 16000 / Math.max(width, height), Math.sqrt(120e6 / (width * height))); // what canvases can hold
  const url = URL.createObjectURL(asBlob(picture)),
    image = new Image();
  image.src = url;
  await image.decode();
  const canvas = h("canvas", { width: Math.round(width * scale), height: Math.round(height * scale) });
  canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
  URL.revokeObjectURL(url);
  return blobOf(canvas);
}

export const saveDrawing = (p, scene) => download(asBlob(drawing(p, scene)), `${scene.name}.svg`);

export async function savePicture(p, scene) {
  download(await rasterised(drawing(p, scene)), `${scene.name}.png`);
}
