// A view that is gone leaves nothing behind. CNNVIZ_FRONT names a folder with the modules as widgets are given them.

import assert from "node:assert/strict";
import test from "node:test";
import { pathToFileURL } from "node:url";
import { FakeModel } from "./fake_model.js";
import { openPage } from "./fake_page.js";
import { LIVE_IMAGE, WIDGETS } from "./widgets.js";

const FOLDER = process.env.CNNVIZ_FRONT
  ? pathToFileURL(`${process.env.CNNVIZ_FRONT}/`)
  : new URL("../../cnnviz_widgets/widgets/front/", import.meta.url);

async function view(name, page, model) {
  const { default: widget } = await import(new URL(`${name}.js`, FOLDER));
  const el = document.createElement("div");
  page.body.append(el);
  const end = await widget.render({ model, el });
  page.nextFrame();
  return end;
}

for (const [name, traits] of Object.entries(WIDGETS)) {
  test(`${name}: after 200 views that came and went, one holds as much as the first`, async () => {
    const page = openPage(),
      model = new FakeModel(traits);
    const first = await view(name, page, model),
      held = { ...page.held, model: model.listeners };
    assert.ok(model.listeners > 0);
    first();
    for (let count = 0; count < 200; count++) (await view(name, page, model))();
    assert.equal(model.listeners, 0);
    await view(name, page, model);
    assert.deepEqual({ ...page.held, model: model.listeners }, held);
  });

  test(`${name}: a change that waits for a frame when the view goes is not drawn`, async () => {
    const page = openPage(),
      model = new FakeModel(traits),
      end = await view(name, page, model);
    for (const trait of Object.keys(traits)) model.trigger(`change:${trait}`);
    end();
    assert.equal(page.held.frames, 0);
  });
}

test("a picture that follows another one leaves nothing at that either", async () => {
  const page = openPage(),
    leader = new FakeModel(LIVE_IMAGE);
  const model = new FakeModel({ ...LIVE_IMAGE, leader: "IPY_MODEL_1" }, { 1: leader });
  const end = await view("live_image", page, model);
  assert.ok(leader.listeners > 0);
  end();
  assert.equal(leader.listeners, 0);
});
