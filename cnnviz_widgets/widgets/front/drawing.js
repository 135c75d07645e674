// From bytes to pictures: what a trait of bytes holds, colours, canvases, and files to download.

import { h } from "./page.js";

/** The bytes of a message; null for none. */
export const bytesOf = (view) =>
  view?.byteLength ? new Uint8Array(view.buffer, view.byteOffset, view.byteLength) : null;

/** Bytes as float32. The view may start at an odd byte, which a Float32Array cannot: then they are copied. */
export function floats(view) {
  if (!view?.byteLength || view.byteLength % 4) return new Float32Array(0);
  const { buffer, byteOffset, byteLength } = view;
  if (byteOffset % 4 === 0) return new Float32Array(buffer, byteOffset, byteLength / 4);
  return new Float32Array(buffer.slice(byteOffset, byteOffset + byteLength));
}

/** A colour as canvases keep it in 32 bits. */
export const pack = (r, g, b, a = 255) => ((a << 24) | (b << 16) | (g << 8) | r) >>> 0;

/** "#rrggbb" as three numbers; grey for anything else. */
export const hex = (c) =>
  /^#[0-9a-f]{6}$/i.test(c) ? [1, 3, 5].map((i) => parseInt(c.slice(i, i + 2), 16)) : [128, 128, 128];

/** RGB bytes, rows from the top, as pixels for a canvas. */
export function rgbPixels(bytes, width, height) {
  const data = new ImageData(width, height),
    pixels = data.data;
  for (let i = 0, j = 0; i < bytes.length; j += 4) {
    pixels[j] = bytes[i++];
    pixels[j + 1] = bytes[i++];
    pixels[j + 2] = bytes[i++];
    pixels[j + 3] = 255;
  }
  return data;
}

/** Pixels as something that can be drawn. */
export function canvasOf(pixels) {
  const canvas = new OffscreenCanvas(pixels.width, pixels.height);
  canvas.getContext("2d").putImageData(pixels, 0, 0);
  return canvas;
}

export function download(blob, name) {
  const url = URL.createObjectURL(blob);
  h("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000); // the browser may still be reading it
}

/** The picture on a canvas as a file. */
export const blobOf = (canvas, type = "image/png", quality) =>
  new Promise((done) => canvas.toBlob(done, type, quality));
