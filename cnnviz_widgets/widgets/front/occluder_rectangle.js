// Rectangles over an image: [top, left, height, width] in whole px, always within its [height, width].

import { clamp } from "./numbers.js";

/** The rectangle between two corners, one px at least. */
export function between([row, column, otherRow, otherColumn], [height, width]) {
  const along = (one, other, side) => {
    const [low, high] = [one, other].map((x) => clamp(Math.round(x), 0, side)).sort((a, b) => a - b);
    return [Math.min(low, side - 1), Math.max(high - low, 1)];
  };
  const [top, tall] = along(row, otherRow, height),
    [left, wide] = along(column, otherColumn, width);
  return [top, left, tall, wide];
}

export function moved([top, left, tall, wide], down, across, [height, width]) {
  return [clamp(top + down, 0, height - tall), clamp(left + across, 0, width - wide), tall, wide];
}

export function resized([top, left, tall, wide], down, across, [height, width]) {
  return [top, left, clamp(tall + down, 1, height - top), clamp(wide + across, 1, width - left)];
}

/** A rectangle about a point; without a size a quarter of the image's shorter side. */
export function centred(row, column, size, shape) {
  const quarter = Math.max(1, Math.round(Math.min(...shape) / 4)),
    [tall, wide] = size ?? [quarter, quarter];
  return moved([Math.round(row - tall / 2), Math.round(column - wide / 2), tall, wide], 0, 0, shape);
}

/** The rectangle that a drag makes: `held` is {mode, from: [row, column], before: rectangle}, the pointer now at a point. */
export function dragged({ mode, from, before }, row, column, shape) {
  if (mode === "move") return moved(before, Math.round(row - from[0]), Math.round(column - from[1]), shape);
  return between(mode === "draw" ? [...from, row, column] : pulled(before, mode, row, column), shape);
}

/** Both corners of a rectangle of which some edges ("n", "se", ...) are pulled to a point. */
function pulled([top, left, tall, wide], edges, row, column) {
  const has = (edge) => edges.includes(edge);
  return [has("n") ? row : top, has("w") ? column : left, has("s") ? row : top + tall, has("e") ? column : left + wide];
}

/** px that an arrow key moves by. */
export const stepOf = (shape) => Math.max(1, Math.round(Math.min(...shape) / 56));
