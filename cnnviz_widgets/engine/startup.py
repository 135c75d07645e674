"""Start of TensorFlow, when the first network is opened, without its greeting on the page."""

import logging
import os
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager

log: logging.Logger = logging.getLogger(__name__)

_starting = threading.Lock()
_started = False


def start_tensorflow() -> None:
    """Import TensorFlow and Keras and let them find their devices; only the first call does anything.

    Raises RuntimeError if Keras runs on anything other than TensorFlow.
    """
    global _started
    with _starting:
        if _started:
            return
        with greeting_kept_off():
            import keras
            import tensorflow as tf

            tf.add(1.0, 1.0)  # the first operation looks for devices, and reports them
        backend = keras.config.backend()
        if backend != "tensorflow":
            raise RuntimeError(
                "Keras must run on TensorFlow here: set KERAS_BACKEND=tensorflow before Keras is imported. "
                f"Received: the backend {backend!r}."
            )
        _started = True


@contextmanager
def greeting_kept_off() -> Iterator[None]:
    """A context in which the standard error of the process goes to the log.

    TensorFlow's C++ part writes there, past Python, and a notebook would show it as an error in red.
    """
    with tempfile.TemporaryFile() as said:
        kept = os.dup(2)
        os.dup2(said.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            said.seek(0)
            log.debug("TensorFlow said: %s", said.read().decode(errors="replace"))
