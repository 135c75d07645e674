import threading

import ipywidgets

from cnnviz_widgets.widgets.parts.bound import Bound


def test_what_following_does_to_a_widget_is_not_the_persons_doing(session):
    bound, slider, done = Bound(session), ipywidgets.IntSlider(), []
    bound.act(slider, "value", done.append)
    with bound.following():
        slider.value = 3
    assert done == []
    slider.value = 4
    assert done == [4]


def test_a_person_is_heard_while_another_thread_follows(session):
    bound, slider, done = Bound(session), ipywidgets.IntSlider(), []
    bound.act(slider, "value", done.append)
    following, acted = threading.Event(), threading.Event()

    def follow():
        with bound.following():
            following.set()
            acted.wait(10)

    thread = threading.Thread(target=follow)
    thread.start()
    following.wait(10)
    slider.value = 5
    acted.set()
    thread.join(10)
    assert done == [5]


def test_an_exception_in_a_callback_is_a_sentence_in_the_session(session):
    bound, button = Bound(session), ipywidgets.Button()

    def fail():
        raise ZeroDivisionError("secret path /somewhere")

    bound.click(button, fail)
    button.click()
    assert session.status == "failed"
    assert "ZeroDivisionError" in session.message
    assert "secret" not in session.message
