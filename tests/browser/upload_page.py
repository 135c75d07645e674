"""The page that test_upload.py opens: an Upload and what the kernel received from it."""

import hashlib
import io

import ipywidgets
from IPython.display import display
from PIL import Image

from cnnviz_widgets.widgets.front.upload import Upload

upload, received = Upload(), ipywidgets.Label("nothing yet")
received.add_class("received")


def tell(_):
    """Number, name, digest and size of what arrived."""
    size = Image.open(io.BytesIO(upload.content)).size
    digest = hashlib.sha256(upload.content).hexdigest()
    received.value = f"{upload.count} | {upload.name} | {digest} | {size[0]}x{size[1]} | {len(upload.content)} bytes"


upload.observe(tell, "count")
display(ipywidgets.VBox([upload, received]))
