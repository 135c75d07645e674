"""A first call in a fresh process: `python -m benchmarks.fresh GradCAM` prints its times and its memory as JSON."""

import json
import subprocess
import sys
import time
from functools import cache

MARK = "measured: "
# {name, that of the peers' task where they have it: (method, its parameters, true where it looks at the last layer)}
CASES = {
    "gradient": ("Gradient", {}, False),
    "smooth_grad": ("SmoothGrad", {"samples": 20}, False),
    "integrated_gradients": ("IntegratedGradients", {"steps": 50}, False),
    "lrp": ("LRP", {}, False),
    "grad_cam": ("GradCAM", {}, True),
    "score_cam": ("ScoreCAM", {"channels": 64}, True),
    "ablation_cam": ("AblationCAM", {}, True),
    "occlusion": ("Occlusion", {"window": 32, "stride": 16}, False),
    "rise": ("RISE", {"masks": 160}, False),
    "maximal_activation": ("MaximalActivation", {"steps": 50}, False),
}


@cache
def report(name, turn=0):
    """Return `measured(name)` from a process of its own; each `turn` is another process."""
    command = [sys.executable, "-m", __name__, name]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    lines = [line for line in done.stdout.splitlines() if line.startswith(MARK)]
    if not lines:
        raise RuntimeError(f"{' '.join(command[1:])} must print what it measured. It said: {done.stderr[-500:]}")
    return json.loads(lines[0].removeprefix(MARK))


def title(name):
    """Return the method and its parameters, as a row names it."""
    given = ", ".join(f"{parameter}={value}" for parameter, value in CASES[name][1].items())
    return _method(name).title + (f" ({given})" if given else "")


def measured(name):
    """Return {"tensorflow", "open", "trace", "first", "second": seconds, "megabytes": the first call's}."""
    import cnnviz_widgets as cnnviz
    from cnnviz_widgets.engine.startup import start_tensorflow

    from .peers.scripts import peak

    watch = Watch()
    start_tensorflow()
    watch.lap("tensorflow")
    network = cnnviz.load("efficientnet_lite0")
    watch.lap("open")
    image = cnnviz.samples("efficientnet_lite0")[0]
    network.logits(image)  # the first question traces the network
    watch.lap("trace")
    layer = "head_activation" if CASES[name][2] else None

    def call(target):
        cnnviz.compute(_method(name), network, image, target=target, layer=layer)
        watch.lap("first" if "first" not in watch.times else "second")

    if peak.can_measure():
        watch.times["megabytes"] = peak.growth(lambda: call(285))
    else:
        call(285)
    network.cache.clear()
    watch.again()
    call(285)
    return watch.times


class Watch:
    """Seconds between one event and the next."""

    def __init__(self):
        self.times = {}
        self.again()

    def again(self):
        """Begin now."""
        self._begun = time.perf_counter()

    def lap(self, name):
        """Record the time since it began, and begin again."""
        self.times[name] = time.perf_counter() - self._begun
        self.again()


def _method(name):
    import cnnviz_widgets as cnnviz

    kind, parameters, _ = CASES[name]
    return getattr(cnnviz, kind)(**parameters)


if __name__ == "__main__":
    print(MARK + json.dumps(measured(sys.argv[1])))
