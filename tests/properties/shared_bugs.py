"""Bugs that more than one property must catch."""

from cnnviz_widgets.core.network import Network
from cnnviz_widgets.core.questions import place_of
from cnnviz_widgets.core.tracing import trace
from properties.framework import Bug

PROBABILITY = Bug("the score is the probability, not the logit", Network._objective, "traced.logits", "traced.output")
NEXT_CLASS = Bug("the class is one too far", place_of, "[target.index,", "[target.index + 1,")
TRAINING = Bug("the model runs as in training", trace, "training=False", "training=True")
