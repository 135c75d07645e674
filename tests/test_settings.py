"""Settings: one value, and what another network makes of it. And the history of those that were shown."""

import numpy as np
import pytest
from kinds import KINDS

from cnnviz_widgets.core.image import InputImage
from cnnviz_widgets.core.target import Target
from cnnviz_widgets.history import REMEMBERED, UndoHistory
from cnnviz_widgets.methods.grad_cam import GradCAM
from cnnviz_widgets.methods.occlusion import Occlusion
from cnnviz_widgets.network import Network
from cnnviz_widgets.settings import Settings


@pytest.fixture(scope="module")
def network():
    return Network(KINDS["functional"].build(), value_range=(0, 1))


@pytest.mark.parametrize(
    ("name", "value"), [("image", np.ones((12, 12, 3))), ("target", 2), ("layer", "conv1"), ("method", GradCAM())]
)
def test_changes_name_the_fields_that_differ(name, value):
    assert Settings(**{name: value}).changes(Settings()) == {name}


def test_equal_values_are_no_change():
    one, same = (Settings(image=np.ones((12, 12, 3)), target=target, method=GradCAM()) for target in (2, Target(2)))
    assert one.changes(same) == set()


def test_for_another_network_the_parameters_suit_it(network, picture):
    moved = Settings(image=picture, method=Occlusion()).moved_to(network)
    assert moved.method == Occlusion.suited_to(12)
    assert Settings(image=picture, method=Occlusion(5, 5)).moved_to(network, keep_method=True).method == Occlusion(5, 5)


def test_names_of_parts_outlive_no_network_but_are_kept_for_the_first(network, picture):
    settings = Settings(None, picture, GradCAM(), Target(2), "conv1").moved_to(network, keep_method=True)
    assert (settings.target, settings.layer) == (Target(2), "conv1")
    settings = settings.moved_to(Network(KINDS["relu_activation"].build(), value_range=(0, 1)))
    assert (settings.target, settings.layer) == (None, None)


def test_an_image_that_the_network_cannot_take_stays_so_that_it_can_be_said(network):
    image = InputImage(np.zeros((5, 5, 3)))
    assert Settings(image=image, method=GradCAM()).moved_to(network).image == image


def test_going_back_passes_over_what_is_shown():
    history = UndoHistory()
    for number in (1, 2, 2):
        history.add(Settings(target=number))
    assert history.before(Settings(target=2)) == Settings(target=1)
    assert history.before(Settings(target=1)) is None


def test_the_history_forgets_the_oldest():
    history = UndoHistory()
    for number in range(REMEMBERED + 10):
        history.add(Settings(target=number))
    shown, steps = Settings(target=REMEMBERED + 9), 0
    while (shown := history.before(shown)) is not None:
        steps += 1
    assert steps == REMEMBERED - 1
