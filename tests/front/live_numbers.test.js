// The live view's numbers, colours and words, without a page.

import assert from "node:assert/strict";
import test, { beforeEach } from "node:test";
import { paint, shader } from "../../cnnviz_widgets/widgets/front/live_colors.js";
import { gridLayout, shorter } from "../../cnnviz_widgets/widgets/front/live_drawing.js";
import {
  axis,
  cellAt,
  plane,
  readScene,
  scaledFor,
  summarize,
  valueAt,
} from "../../cnnviz_widgets/widgets/front/live_scene.js";
import { reading, remarks, ticks } from "../../cnnviz_widgets/widgets/front/live_words.js";
import { FakeModel } from "./fake_model.js";
import { openPage } from "./fake_page.js";
import { LIVE_IMAGE } from "./widgets.js";

beforeEach(openPage);

const view = (...numbers) => new DataView(new Float32Array(numbers).buffer);
const getter = (traits = {}) => {
  const model = new FakeModel({ ...LIVE_IMAGE, ...traits });
  return (name) => model.get(name);
};
const sceneOf = (traits) => readScene(getter(traits));
const tiles = { values: view(0, 0, 1, -2, 3, 4), values_shape: [3, 1, 2], limits: [-2, 4], on_image: false };

test("a map, tiles, categories and nothing are told apart", () => {
  assert.equal(sceneOf().kind, "map");
  assert.equal(sceneOf(tiles).kind, "tiles");
  assert.equal(sceneOf({ categories: [{ name: "cat", color: "#000000" }] }).kind, "categories");
  assert.equal(sceneOf({ values_shape: [] }).kind, "none");
});

test("numbers that do not fill their shape are not drawn", () => {
  assert.equal(sceneOf({ values_shape: [3, 2] }).kind, "none");
});

test("an image that does not fill its shape is not drawn, and the map then stands alone", () => {
  const scene = sceneOf({ image_shape: [5, 4] });
  assert.equal(scene.image, null);
  assert.equal(scene.onImage, false);
});

test("saturation moves the upper limit, and both when the map is signed", () => {
  const limitsOf = (traits) => [sceneOf(traits).low, sceneOf(traits).high];
  assert.deepEqual(limitsOf({ saturation: 0.5, limits: [1, 3] }), [1, 2]);
  assert.deepEqual(limitsOf({ saturation: 0.5, limits: [-2, 2], signed: true }), [-1, 1]);
});

test("the summary knows the ends, what is not finite and which tiles are zero", () => {
  const summary = summarize(sceneOf({ ...tiles, values: view(0, 0, 1, NaN, Infinity, -4) }));
  assert.deepEqual([summary.min, summary.max, summary.odd, summary.deadCount], [-4, 1, 2, 1]);
  assert.deepEqual([...summary.lows], [0, 0, -4]);
});

test("with a scale of its own a tile spans its own values, and all tiles together have none", () => {
  const scene = sceneOf({ ...tiles, tile_scale: "own", signed: true }),
    summary = summarize(scene);
  assert.deepEqual([scaledFor(scene, summary, 1).low, scaledFor(scene, summary, 1).high], [-2, 2]);
  assert.deepEqual([scaledFor(scene, summary, -1).low, scaledFor(scene, summary, -1).high], [0, 0]);
});

test("a pixel of the stage lies in a cell of the map", () => {
  assert.deepEqual(cellAt(sceneOf(), 3, 0), [0, 1, 0]);
  assert.deepEqual(cellAt(sceneOf({ values_shape: [] }), 3, 0), [-1, 3, 0]);
});

test("between two cell centres a smooth value is their mixture", () => {
  const scene = sceneOf({ smooth: true }),
    data = plane(scene, 0);
  assert.equal(valueAt(scene, data, 0.25, 0.25), 0);
  assert.equal(valueAt(scene, data, 0.25, 0.5), 0.125);
  assert.equal(valueAt(scene, data, 0.5, 0.5), 0.4375);
  assert.equal(valueAt({ ...scene, smooth: false }, data, 0.5, 0.5), 1);
});

test("a cell that is not finite does not spoil its neighbour's centre", () => {
  const { first, second } = axis(2, 2, true);
  assert.deepEqual([...first], [...second]);
});

test("a value takes the colour of its share of the limits", () => {
  const table = Uint8Array.from({ length: 9 }, (_, i) => 20 * Math.floor(i / 3)),
    scene = sceneOf(),
    shade = shader(scene, table);
  const red = (v) => shade(v) & 255;
  assert.deepEqual([-5, 0, 0.5, 1, 9].map(red), [0, 0, 20, 40, 40]);
});

test("what is not finite is hatched in grey", () => {
  const scene = sceneOf({ values: view(NaN, NaN, NaN, NaN) });
  const { data } = paint(scene, 0, 2, 2, () => 0xff0000ff);
  assert.deepEqual([...data.slice(0, 4)], [0x8c, 0x8c, 0x8c, 255]);
});

test("tiles fill the width and none is cut off", () => {
  const grid = gridLayout({ tiles: 12, rows: 5, cols: 5 }, 448, true);
  assert.ok(grid.across * grid.stepX <= 448 + 4);
  assert.equal(grid.height, Math.ceil(12 / grid.across) * grid.stepY);
});

test("a name is shortened to its number, which is not the tile's place", () => {
  assert.deepEqual(shorter("filter 12 · silent"), ["filter 12 · silent", "12 · silent", "12"]);
});

test("marks are round, few and within the limits", () => {
  const { marks, exponent } = ticks(-1, 1);
  assert.deepEqual(
    marks.map((mark) => mark.text),
    ["−1.0", "−0.5", "0", "0.5", "1.0"],
  );
  assert.deepEqual(
    marks.map((mark) => mark.at),
    [0, 0.25, 0.5, 0.75, 1],
  );
  assert.equal(exponent, 0);
});

test("far from one the marks share a power of ten", () => {
  assert.equal(ticks(0, 3.9e-17).exponent, -17);
  assert.deepEqual(ticks(1, 1), { marks: [], exponent: 0 });
});

for (const [said, traits] of [
  ["No map yet: this is the image alone.", { values_shape: [], title: "" }],
  ["Nothing to show yet.", { values_shape: [], image_shape: [] }],
  ["1 value is not finite (hatched).", { values: view(0, 1, 0.5, NaN) }],
  ["Constant map: value 0.", { values: view(0, 0, 0, 0) }],
  ["1 of 3 tiles are zero everywhere (hatched).", tiles],
  ["2 of 4 values lie beyond the limits.", { limits: [0, 0.25] }],
]) {
  test(`it is remarked: ${said}`, () => {
    const scene = sceneOf(traits);
    assert.deepEqual(remarks(scene, summarize(scene)), [said]);
  });
}

test("nothing is missing beside a picture that a method has made", () => {
  const scene = sceneOf({ values_shape: [], title: "Maximal activation" });
  assert.deepEqual(remarks(scene, summarize(scene)), []);
});

test("one cell reads one value, wherever the pointer stands in it and however it is drawn", () => {
  const get = getter({ smooth: true, image_shape: [8, 8], image: new DataView(new ArrayBuffer(8 * 8 * 3)) });
  const read = [4, 5, 6, 7].map((column) => reading(readScene(get), 0, column, get).match(/map (\S+)/)[1]);
  assert.deepEqual(new Set(read), new Set(["0.25"]));
});

test("a reading says place, image, map and cell", () => {
  const get = getter();
  assert.equal(reading(readScene(get), 0, 2, get), "row 0, column 2 · grey 90 · map 0.25 logit · cell (0, 1)");
});

test("zero is read as 0", () => {
  const get = getter();
  assert.match(reading(readScene(get), 0, 0, get), /map 0 logit/);
});
