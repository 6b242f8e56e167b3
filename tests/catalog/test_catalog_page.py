"""docs/en/datasets.md and docs/ko/datasets.md are the catalogue."""

from pathlib import Path

import pytest

from kmaflow.catalog.page import LANGUAGES, Language, page

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_in_docs_is_what_the_catalogue_says(language: Language) -> None:
    written = (DOCS / language / "datasets.md").read_text(encoding="utf-8")
    assert written == page(language), "run: python -m kmaflow.catalog.page docs"
