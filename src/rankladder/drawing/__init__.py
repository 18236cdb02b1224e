"""SVG and HTML from values: markup, scales, plots, and numbers as people read them."""
