"""Charts and diagrams: where their lines and boxes lie, and the widgets that show them."""
