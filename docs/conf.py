"""How Sphinx builds the pages: ``make docs``, once for each language. Nothing is asked of the network."""

import re
from pathlib import Path

from sphinx.application import Sphinx

from kmaflow import __version__

_TITLES = {"en": "kmaflow: Korea's surface weather observations", "ko": "kmaflow: 기상청 지상기상관측 자료"}

project = "kmaflow"
author = "kmaflow"
copyright = "kmaflow. Observations: KMA (기상청), KOGL"  # noqa: A001
version = release = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 4
# A Grafana panel writes $__timeFilter into its SQL.
suppress_warnings = ["misc.highlighting_failure"]

html_theme = "furo"
html_copy_source = False
html_show_sphinx = False
html_last_updated_fmt = None
templates_path = ["templates"]
html_sidebars = {
    "**": [
        *("sidebar/brand.html", "language.html", "sidebar/search.html", "sidebar/scroll-start.html"),
        *("sidebar/navigation.html", "sidebar/scroll-end.html"),
    ]
}
autodoc_typehints = "description"
autodoc_member_order = "bysource"


def _of_language(app: Sphinx, config: object) -> None:
    app.config.html_title = _TITLES[Path(app.srcdir).name]


def _as_a_site(app: Sphinx, name: str, source: list[str]) -> None:
    """Where a page of the repository links to the other language or to the README, the site has a switch and its first page."""
    text = re.sub(
        r"^(?:\[한국어\]\(\S+\)|\*\*한국어\*\*) · (?:\[English\]\(\S+\)|\*\*English\*\*)\n\n",
        "",
        source[0],
        flags=re.MULTILINE,
    )
    source[0] = re.sub(r"\]\(\.\./\.\./README(?:\.ko)?\.md", "](index.md", text)


def setup(app: Sphinx) -> None:
    """Title and links follow the language."""
    app.connect("config-inited", _of_language)
    app.connect("source-read", _as_a_site)
