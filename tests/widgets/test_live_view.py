"""What the live view shows of each kind of result."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

from cnnviz_widgets.core.method import Method
from cnnviz_widgets.core.parameters import slider
from cnnviz_widgets.core.result import PICTURE, PICTURES, Result
from cnnviz_widgets.methods.gradient import Gradient
from cnnviz_widgets.settings import Settings
from cnnviz_widgets.widgets.parts.controls import CUSTOM, ParameterControls
from cnnviz_widgets.widgets.parts.live_view import LiveView

from .conftest import ByHand


@dataclass(frozen=True)
class Painter(Method):
    """A method that makes pictures, (height, width, colour), in the value range."""

    title, family, summary, paper, uses = "Painter", "what the network holds", "Paints.", "none", ()

    red: float = slider(255.0, 0, 255, step=1.0, help="How red.")
    count: int = slider(0, 0, 9, help="How many pictures; 0 is one that is no tile.")

    def run(self, network):
        picture = np.zeros((6, 8, 3), np.float32)
        picture[..., 0] = self.red
        if self.count == 0:
            yield Result(picture, signed=False, unit="pixel value", axes=PICTURE)
            return
        names = tuple(f"picture {index}" for index in range(self.count))
        yield Result(np.stack([picture] * self.count), signed=False, unit="pixel value", axes=PICTURES, names=names)

    @classmethod
    def presets(cls, network):
        return {"pale": cls(red=40.0), "strong": cls(red=200.0)}


def pixels(view):
    return np.frombuffer(view.live_image.image, np.uint8).reshape(*view.live_image.image_shape, 3)


def test_a_picture_stands_in_the_images_place_and_the_image_comes_back(session):
    view = LiveView(session)
    before = pixels(view)
    session.update(method=Painter())
    assert view.live_image.values_shape == []
    assert (pixels(view) == [255, 0, 0]).all()
    assert view.live_image.title == session.result.caption
    session.update(method=Gradient())
    assert np.array_equal(pixels(view), before)
    assert view.live_image.values_shape == [32, 32]


def test_a_picture_is_behind_until_one_of_the_present_settings_is_there(session):
    view, session.runner = LiveView(session), ByHand(1)
    before = view.live_image.values
    session.method = Gradient(reduce="sum")
    assert view.live_image.behind
    assert view.live_image.values == before
    session.runner.finish()
    assert not view.live_image.behind
    assert view.live_image.values != before


def test_a_picture_that_is_behind_when_its_successor_fails_is_dimmed_instead(session):
    view, session.runner = LiveView(session), ByHand(1)
    session.target = 99
    assert (view.live_image.behind, view.live_image.dimmed) == (True, False)
    session.runner.finish()
    assert (view.live_image.behind, view.live_image.dimmed) == (False, True)


def test_several_pictures_are_tiles_in_their_colours(session):
    view = LiveView(session)
    session.update(method=Painter(count=3))
    values = np.frombuffer(view.live_image.values, "<f4").reshape(view.live_image.values_shape)
    assert values.shape == (3, 6, 8, 3)
    assert (values == [255, 0, 0]).all()
    assert view.live_image.limits == [0, 255]
    assert view.live_image.names == ["picture 0", "picture 1", "picture 2"]


def presets_of(controls):
    return controls.widget.children[0]


def test_presets_are_offered_chosen_and_left_by_changing_a_parameter(session):
    session.update(method=Painter())
    controls = ParameterControls(session)
    presets = presets_of(controls)
    assert presets.options == ("pale", "strong", CUSTOM)
    assert presets.value == CUSTOM
    presets.value = "strong"
    assert session.method == Painter(red=200.0)
    session.method = replace(session.method, red=41.0)
    assert presets.value == CUSTOM


def test_a_method_without_presets_shows_no_list_of_them(session):
    controls = ParameterControls(session)
    assert presets_of(controls).layout.display == "none"


def test_choosing_a_method_with_presets_begins_with_the_first(session):
    session.choose_method(Painter)
    assert session.method == Painter(red=40.0)


def test_a_parameter_can_be_kept_from_the_page(session):
    session.update(method=Painter())
    shown = [control.description for control in ParameterControls(session, hidden=("red",)).widget.children[1:]]
    assert shown == ["count"]


def test_a_position_in_settings_is_part_of_what_was_chosen():
    from cnnviz_widgets.core.target import Target

    assert Settings(target=Target("conv1", 0, (1, 2))) != Settings(target=Target("conv1", 0))


@pytest.mark.parametrize("count", [0, 2])
def test_the_figure_shows_pictures_as_they_are(session, count):
    from cnnviz_widgets.widgets.charts.result_figure import ResultFigure

    view = LiveView(session)
    figure = ResultFigure(session, view.live_image)
    figure.show(True)
    session.update(method=Painter(count=count, red=200.0))
    (shown,) = [image for axes in figure.figure.axes for image in axes.get_images()]
    assert np.asarray(shown.get_array())[0, 0].tolist() == pytest.approx([200, 0, 0])
