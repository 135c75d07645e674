"""Bugs that more than one property must catch."""

from cnnviz_widgets.engine.compiled import place_of
from cnnviz_widgets.engine.opening import Opened
from cnnviz_widgets.engine.tracing import call_once
from properties.framework import Bug

PROBABILITY = Bug(
    "the score is the probability, not the logit", Opened.__init__, "else self.traced.logits", "else self.traced.output"
)
NEXT_CLASS = Bug("the class is one too far", place_of, "[term.index for", "[term.index + 1 for")
TRAINING = Bug("the model runs as in training", call_once, "training=False", "training=True")
