import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import { clamp, number, percent } from "../../cnnviz_widgets/widgets/front/numbers.js";

const FORMATS = { number, percent };
const table = JSON.parse(readFileSync(new URL("number_formats.json", import.meta.url), "utf-8"));

for (const { format, value, text, digits } of table) {
  test(`${format} of ${value}${digits === undefined ? "" : ` in ${digits} digits`} reads "${text}"`, () => {
    assert.equal(FORMATS[format](value ?? NaN, ...(digits === undefined ? [] : [digits])), text);
  });
}

test("what is infinite is called so", () => {
  assert.equal(number(Infinity), "not finite");
  assert.equal(percent(-Infinity), "not finite");
});

test("a number is kept between two ends", () => {
  assert.deepEqual(
    [-1, 0.5, 7].map((x) => clamp(x, 0, 1)),
    [0, 0.5, 1],
  );
});
