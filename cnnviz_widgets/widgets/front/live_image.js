// The live view: image, map, colour bar, read-out and controls, all drawn in the browser (traits: live_image.py).
//
// Reading order: live_scene (numbers) -> live_colors -> live_drawing -> live_words; live_page (elements) ->
// live_view (model to page) -> live_hands (hands to model) -> render.

import { tellKernelEnd } from "./kernel_end.js";
import { controls, picture, tileGrid } from "./live_hands.js";
import { LiveView, LOOKED_AT } from "./live_view.js";
import { Lifetime } from "./page.js";

/** Which picture a trait makes stale; what is not named here only changes how the pictures are put together. */
const STALE = {
  image: ["base", "map"],
  image_shape: ["base", "map"],
  on_image: ["map"],
  smooth: ["map"],
  fade: ["map"],
  selected: ["map"],
  values: ["map", "grid"],
  values_shape: ["map", "grid"],
  names: ["grid"],
  struck: ["grid"],
  categories: ["map"],
  signed: ["map", "grid"],
  limits: ["map", "grid"],
  saturation: ["map", "grid"],
  tile_scale: ["map", "grid"],
  enlarges: ["map", "grid"],
  colormap: ["map", "grid"],
  luts: ["map", "grid"],
};

/** The model whose way of looking this one takes over, if it names one. */
const leaderOf = (model) =>
  model.get("leader") && model.widget_manager.get_model(model.get("leader").replace("IPY_MODEL_", ""));

async function render({ model, el }) {
  const life = new Lifetime(),
    leader = await leaderOf(model),
    view = new LiveView(model, leader, life);
  el.append(view.page.root);
  controls(view);
  picture(view);
  tileGrid(view);
  if (!model.get("compact")) tellKernelEnd(model, view.page.root, life); // one of several pictures leaves it to another
  const follow = (source, name) => {
    const stale = [...(STALE[name] ?? []), ...(name.startsWith("values") ? ["summary"] : [])];
    life.on(source, `change:${name}`, () => view.schedule(...stale));
  };
  for (const name of Object.keys(STALE)) follow(model, name);
  life.on(model, "change", () => view.schedule());
  if (leader) {
    for (const name of LOOKED_AT) follow(leader, name);
    life.on(leader, "reading", view.readAt);
  }
  const sized = new ResizeObserver(() => view.schedule("grid"));
  life.observe(sized, view.page.root);
  life.observe(sized, view.page.grid);
  const themed = new MutationObserver(() => view.schedule("grid"));
  life.observe(themed, document.body, { attributes: true, attributeFilter: ["data-jp-theme-name"] });
  view.schedule();
  return () => life.end();
}

export default { render };
