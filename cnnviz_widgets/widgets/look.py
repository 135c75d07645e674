"""The look of the page: every layout and every text style, named by its purpose.

A layout is a dictionary, so that each widget makes a Layout of its own of it: hiding one never hides another. Two are
put together by `|`.
"""

# ---- Pages and their columns

PAGE = {"width": "100%", "max_width": "1180px"}
WIDE_PAGE = PAGE | {"max_width": "1400px"}
WIDEST_PAGE = PAGE | {"max_width": "1500px"}

WRAPPING_ROW = {"display": "flex", "flex_flow": "row wrap", "align_items": "flex-start", "width": "100%"}
# On a narrow page the pictures come first: the rows are in reverse, so their ends are their tops.
PICTURES_FIRST = WRAPPING_ROW | {"flex_flow": "row wrap-reverse", "align_items": "flex-end"}

SIDE_COLUMN = {"flex": "1 1 240px", "min_width": "220px", "max_width": "320px", "padding": "0 8px 0 0"}
PICTURE_COLUMN = {"flex": "2 1 400px", "min_width": "320px", "max_width": "540px", "padding": "0 8px"}
TILES_COLUMN = {"flex": "4 1 500px", "min_width": "320px", "padding": "0 0 0 8px"}
# Panels, and the pickers beside them.
PANELS_COLUMN = {"flex": "3 1 380px", "min_width": "300px", "max_width": "900px"}
BESIDE_PANELS = {"flex": "1 1 220px", "min_width": "210px", "max_width": "300px", "padding": "0 12px 0 0"}
# Three pictures in a row beside the pickers, for one sees what a hand does to the others; narrow pages wrap.
THREE_PICTURES = {"flex": "4 1 620px", "min_width": "290px", "max_width": "1130px", "padding": "0 8px"}
ONE_OF_THREE = {"flex": "1 1 190px", "min_width": "190px", "max_width": "370px", "padding": "0 8px 0 0"}
BESIDE_THREE = {"flex": "1 1 230px", "min_width": "220px", "max_width": "290px", "padding": "0 8px 0 0"}
# The four quarters of the architecture's page.
NETWORK_COLUMN = {"flex": "1 1 280px", "min_width": "min(100%, 280px)", "padding": "0 8px 0 0"}
LAYER_COLUMN = {"flex": "4 1 400px", "min_width": "min(100%, 300px)", "padding": "0 8px 0 0"}
TABLE_COLUMN = {"flex": "3 1 520px", "min_width": "min(100%, 420px)", "padding": "0 8px 0 0"}
DIAGRAM_COLUMN = {"flex": "3 1 420px", "min_width": "min(100%, 340px)", "padding": "0 8px 0 0"}
CARD = {"flex": "1 1 250px", "min_width": "220px", "max_width": "380px", "padding": "0 12px 12px 0"}

# ---- Rows

CENTRED_ROW = {"align_items": "center"}
TITLE_ROW = CENTRED_ROW | {"grid_gap": "12px"}
TO_BOTH_ENDS = {"justify_content": "space-between"}
LOOSE_ROW = {"flex_flow": "row wrap"}
SWITCHES_ROW = LOOSE_ROW | TO_BOTH_ENDS | {"margin": "4px 0"}
PANELS_GRID = {"grid_template_columns": "repeat(auto-fit, minmax(150px, 1fr))", "grid_gap": "10px 14px"}
CUT_OFF = {"overflow": "hidden"}


def legend_grid(numbers: int) -> dict[str, str]:
    """Return the layout of a legend: a piece of line, a name, and columns for so many numbers."""
    columns = f"34px minmax(120px, auto) repeat({numbers}, auto)"
    return {"grid_template_columns": columns, "grid_gap": "0 14px", "width": "fit-content", "align_items": "center"}


# ---- Controls

COLUMN_WIDE = {"width": "auto"}  # as wide as the column, less the control's margins
FITTED = {"width": "auto"}  # as wide as the words of a button
BUTTON = {"width": "84px"}
LONGER_BUTTON = {"width": "96px"}
COUNT_FIELD = {"width": "84px"}
SEED_FIELD = {"width": "110px"}
NUMBER_FIELD = {"width": "150px"}
SHORT_DROPDOWN = {"width": "240px"}
LONG_DROPDOWN = {"width": "320px"}
PICKER_ABOVE = {"width": "100%", "max_width": "320px"}
LONG_SLIDER = {"width": "auto", "margin": "2px 12px 2px 2px"}
PROGRESS_BAR = {"flex": "1 1 80px", "height": "16px"}
THIN_PROGRESS_BAR = {"flex": "1 1 80px", "height": "12px"}
PROGRESS_BAR_ABOVE = {"width": "98%", "height": "8px"}
SMALL_PICTURE = {"width": "200px"}
WHOLE_DRAWING = {"max_width": "100%"}

LABEL_WIDTH = 100  # px, of the controls in a column
LABEL = {"description_width": f"{LABEL_WIDTH}px"}
WHOLE_LABEL = {"description_width": "initial"}


def label(width: int) -> dict[str, str]:
    """Return the style of a control with a label of so many px."""
    return {"description_width": f"{width}px"}


def buttons(width: int) -> dict[str, str]:
    """Return the style of a row of toggle buttons of so many px each."""
    return {"button_width": f"{width}px"}


# ---- Text

PARAGRAPH = "line-height:1.35"
TITLE = "font-size:15px;font-weight:600"
HEADING = "font-weight:600"
PICTURE_NAME = "font:600 13px/1.4 var(--jp-ui-font-family,sans-serif);margin:0 2px 6px"
ASIDE = "font-size:12px;opacity:.75"  # what a control means, what is shown
ASIDE_IN_A_LINE = f"{ASIDE};white-space:nowrap"
CAPTION = "font-size:12px;opacity:.85"  # what a picture says
PATH = "font-size:12px;overflow-wrap:anywhere"
DIGITS = "font-variant-numeric:tabular-nums"  # digits of one width: a number that changes does not move its words
BELOW_SLIDER = f"{DIGITS};margin-left:48px"
MESSAGE = "opacity:.85"
ERROR = "color:var(--jp-error-color1,#c62828)"
REFUSED = "border:1px dashed var(--jp-border-color1,#bdbdbd);border-radius:3px;padding:8px;font-size:12px"
# A fixed least height, so that the page below does not jump from layer to layer.
LAYER_FACTS = "white-space:pre-line;min-height:5.4em;margin-bottom:6px"
LEGEND_CELL = f"font-size:12px;{DIGITS};"
LEGEND_HEADING = "opacity:.75"
LEGEND_NAME = "overflow-wrap:anywhere"
RULE = "margin:4px 0 8px;border:0;border-top:1px solid var(--jp-border-color2,#ddd)"

# The reasons that open behind "why?" beside a note.
REASONS = "display:inline"
REASONS_BUTTON = "display:inline;cursor:pointer;text-decoration:underline;opacity:.75"
REASONS_TEXT = "margin:.3em 0 .6em 1em;max-width:46em;opacity:.85"
REASON = "margin:.3em 0"

# ---- Charts

CHARTS_ROW = "display:flex;flex-wrap:wrap;gap:4px 16px"
CHART_CELL = "flex:1 1 280px"
PAGE_FONT = "11px var(--jp-ui-font-family,sans-serif)"
PLAIN_FONT = "11px sans-serif"


def chart_style(widest: int, font: str) -> str:
    """Return the style of an SVG with words: as wide as there is room, up to its own width in px."""
    return f"width:100%;max-width:{widest}px;font:{font}"
