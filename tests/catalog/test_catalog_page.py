"""docs/datasets.md is the catalogue."""

from pathlib import Path

from kmaflow.catalog.page import page

PAGE = Path(__file__).parents[2] / "docs" / "datasets.md"


def test_the_page_in_docs_is_what_the_catalogue_says() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run: python -m kmaflow.catalog.page > docs/datasets.md"
