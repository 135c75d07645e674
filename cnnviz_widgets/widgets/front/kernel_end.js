// The end of the kernel, of which a page would otherwise show nothing: a word about it, once on a page.

import { button, h } from "./page.js";

/** What JupyterLab's kernel connection, which Voila uses too, says of a kernel that has forgotten everything. */
const ENDED = ["restarting", "autorestarting", "terminating", "dead"];
const WORDS = "The kernel has ended: what you see is the last picture. Reload the page to go on.";

/** Say it on top of `root` when the model's kernel ends, unless another view says so of the same kernel. */
export function tellKernelEnd(model, root, life) {
  const kernel = model.widget_manager?.kernel; // none in front ends that have kernels of another kind
  if (!kernel?.statusChanged) return;
  const tell = () => {
    const said = [...document.body.querySelectorAll(".cnnviz-ended")].some((node) => node.dataset.kernel === kernel.id);
    if (!said && root.clientWidth) root.prepend(banner(kernel.id)); // a view without a width is not to be seen
  };
  life.connect(kernel.statusChanged, (_, status) => ENDED.includes(status) && tell());
  life.connect(kernel.connectionStatusChanged, (_, status) => status === "disconnected" && tell());
}

function banner(id) {
  const reload = button("Reload", "Load the page again, with a new kernel");
  reload.onclick = () => window.location.reload();
  return h("div", { className: "cnnviz-ended", role: "alert", "data-kernel": id }, h("span", {}, WORDS), reload);
}
