"""`OcclusionExplorer`: the parts of an image that the network needs, by a map and by hand."""

from cnnviz_widgets.methods.occlusion import Occlusion
from cnnviz_widgets.widgets.look import BESIDE_THREE, THREE_PICTURES, WIDE_PAGE
from cnnviz_widgets.widgets.parts.controls import ParameterControls
from cnnviz_widgets.widgets.parts.live_view import LiveView
from cnnviz_widgets.widgets.parts.occlusion_by_hand import OcclusionByHand
from cnnviz_widgets.widgets.parts.occlusion_pictures import OcclusionPictures
from cnnviz_widgets.widgets.parts.pickers import ImagePicker, NetworkPicker, TargetPicker
from cnnviz_widgets.widgets.parts.pointing import Pointing
from cnnviz_widgets.widgets.parts.status_line import StatusLine

from .session_explorer import SessionExplorer, column, columns, part


class OcclusionExplorer(SessionExplorer):
    """Maps of the drop of the score and of the winning class where the image is covered; a rectangle to try by hand.

    Pointing at a map puts its window on the image at the right; a click keeps it there. Arguments as for
    `SessionExplorer`; the method is an Occlusion.
    """

    first_method = Occlusion
    page_layout: dict[str, str] = WIDE_PAGE
    by_hand: OcclusionByHand = part(OcclusionByHand, "session.method.fill")
    heat_map: LiveView = part(LiveView)
    class_map: LiveView = part(LiveView)
    pictures: OcclusionPictures = part(OcclusionPictures, "heat_map", "class_map", "by_hand")
    pointing_at_heat_map: Pointing = part(Pointing, "heat_map", "by_hand")
    pointing_at_class_map: Pointing = part(Pointing, "class_map", "by_hand")
    status: StatusLine = part(StatusLine)
    controls: ParameterControls = part(ParameterControls)
    network_picker: NetworkPicker = part(NetworkPicker)
    image_picker: ImagePicker = part(ImagePicker)
    target_picker: TargetPicker = part(TargetPicker)
    page = (
        columns(
            column("network_picker", "image_picker", "controls", "target_picker", layout=BESIDE_THREE),
            column(
                *("status", "pictures.caption", "pictures.hint", "pictures", "status.notes"),
                layout=THREE_PICTURES,
            ),
        ),
    )
