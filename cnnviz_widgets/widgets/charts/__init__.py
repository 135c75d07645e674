"""Charts and diagrams: the places of their lines and boxes, and the widgets that show them."""
