import assert from "node:assert/strict";
import test from "node:test";
import {
  between,
  centred,
  dragged,
  moved,
  resized,
  stepOf,
} from "../../cnnviz_widgets/widgets/front/occluder_rectangle.js";

const IMAGE = [20, 30]; // height, width

test("two corners in any order make the same rectangle", () => {
  assert.deepEqual(between([2, 3, 10, 8], IMAGE), [2, 3, 8, 5]);
  assert.deepEqual(between([10, 8, 2, 3], IMAGE), [2, 3, 8, 5]);
});

test("a rectangle has one px at least and stays in the image", () => {
  assert.deepEqual(between([5, 5, 5, 5], IMAGE), [5, 5, 1, 1]);
  assert.deepEqual(between([20, 30, 40, 60], IMAGE), [19, 29, 1, 1]);
  assert.deepEqual(between([-5, -5, 4, 4], IMAGE), [0, 0, 4, 4]);
});

test("moving keeps the size, resizing the corner, and neither leaves the image", () => {
  assert.deepEqual(moved([2, 3, 8, 5], 100, -100, IMAGE), [12, 0, 8, 5]);
  assert.deepEqual(resized([2, 3, 8, 5], 100, -100, IMAGE), [2, 3, 18, 1]);
});

test("a click makes a rectangle of the last size about its place, or of a quarter of the image", () => {
  assert.deepEqual(centred(10, 15, [4, 6], IMAGE), [8, 12, 4, 6]);
  assert.deepEqual(centred(10, 15, undefined, IMAGE), [8, 13, 5, 5]);
});

for (const [mode, expected] of [
  ["draw", [4, 4, 5, 3]],
  ["move", [7, 2, 8, 5]],
  ["n", [9, 3, 1, 5]],
  ["se", [2, 3, 7, 4]],
]) {
  test(`a drag in the mode ${mode}`, () => {
    assert.deepEqual(
      dragged({ mode, from: [4, 4], before: [2, 3, 8, 5] }, 9, mode === "move" ? 3 : 7, IMAGE),
      expected,
    );
  });
}

test("a key moves by a px in a small image and by more in a large one", () => {
  assert.deepEqual([stepOf([28, 28]), stepOf([224, 300])], [1, 4]);
});
