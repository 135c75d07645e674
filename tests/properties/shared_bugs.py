"""Bugs that more than one property must catch."""

from cnnviz_widgets.engine.compiled import terms_of
from cnnviz_widgets.engine.tensorflow_engine import TensorFlowEngine
from cnnviz_widgets.engine.tracing import call_once
from properties.framework import Bug

PROBABILITY = Bug(
    "the score is the probability, not the logit",
    TensorFlowEngine._settle_head,
    "else self.traced.logits",
    "else self.traced.output",
)
NEXT_CLASS = Bug(
    "the class is one too far", terms_of, "getattr(objective, name)", "getattr(objective, name) + (name == 'units')"
)
TRAINING = Bug("the model runs as in training", call_once, "training=False", "training=True")
