import assert from "node:assert/strict";
import test, { beforeEach } from "node:test";
import { bytesOf, floats, hex, pack, rgbPixels } from "../../cnnviz_widgets/widgets/front/drawing.js";
import { openPage } from "./fake_page.js";

beforeEach(openPage);

/** Numbers as they arrive in a message: `offset` bytes into a buffer that holds more. */
function message(numbers, offset) {
  const bytes = new Uint8Array(new Float32Array(numbers).buffer),
    all = new Uint8Array(offset + bytes.length + 3);
  all.set(bytes, offset);
  return new DataView(all.buffer, offset, bytes.length);
}

for (const offset of [0, 4, 1, 3]) {
  test(`float32 numbers are read from byte ${offset} of a message`, () => {
    assert.deepEqual([...floats(message([0.5, -2, 7], offset))], [0.5, -2, 7]);
  });
}

test("without bytes, or with a piece of a number, there are no numbers", () => {
  assert.equal(floats(undefined).length, 0);
  assert.equal(floats(new DataView(new ArrayBuffer(0))).length, 0);
  assert.equal(floats(new DataView(new ArrayBuffer(6))).length, 0);
});

test("bytes are those of the message and not of its buffer", () => {
  assert.deepEqual([...bytesOf(new DataView(new Uint8Array([1, 2, 3, 4]).buffer, 1, 2))], [2, 3]);
  assert.equal(bytesOf(new DataView(new ArrayBuffer(0))), null);
});

test("colours are packed as canvases keep them", () => {
  assert.deepEqual([...new Uint8Array(new Uint32Array([pack(1, 2, 3, 4)]).buffer)], [1, 2, 3, 4]);
});

test("a colour in words is three numbers, and grey when it is none", () => {
  assert.deepEqual(hex("#E69f00"), [230, 159, 0]);
  assert.deepEqual(hex("red; background: url(x)"), [128, 128, 128]);
});

test("RGB bytes become opaque pixels", () => {
  assert.deepEqual([...rgbPixels([1, 2, 3, 4, 5, 6], 2, 1).data], [1, 2, 3, 255, 4, 5, 6, 255]);
});
