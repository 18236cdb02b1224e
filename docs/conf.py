"""How Sphinx builds the documentation site from docs/ (`./dev site`)."""

import tomllib
from pathlib import Path

_PROJECT = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]

project = _PROJECT["name"]
release = version = _PROJECT["version"]
extensions = ["myst_parser"]
source_suffix = {".md": "markdown"}
html_theme = "furo"
html_title = f"{project} {release}"
html_show_copyright = False
myst_heading_anchors = 3
"""Headings down to this level can be linked to, under the names that GitHub gives them."""
suppress_warnings = ["myst.header"]  # a card may begin at any level of heading
nitpicky = True
