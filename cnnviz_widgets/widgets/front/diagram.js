// The graph of a network: zoom, pan, pick a layer, open and close groups, save. Places come from diagram_layout.py.
//
// Reading order: diagram_page (elements) -> diagram_view (model to page) -> diagram_hands (hands to model) -> render.

import { buttons, keys, pointer } from "./diagram_hands.js";
import { DiagramView } from "./diagram_view.js";
import { Lifetime } from "./page.js";

function render({ model, el }) {
  const life = new Lifetime(),
    view = new DiagramView(model);
  el.append(view.page.root);
  pointer(view);
  keys(view);
  buttons(view);
  life.on(model, "change:scene", () => view.draw());
  life.on(model, "change:selected", () => {
    view.cursor = null;
    view.mark();
    view.reveal();
  });
  const sized = new ResizeObserver(() => {
    if (view.size[0] && !view.at) view.draw();
  });
  life.observe(sized, view.page.window);
  view.draw();
  return () => life.end();
}

export default { render };
