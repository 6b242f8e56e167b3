"""The types in which the scripts describe columns. Frozen: what is stored differently one day gets a new name here."""

from __future__ import annotations

import sqlalchemy as sa

from kmaflow.store.engines.types import ID, LONG_TEXT, MOMENT, ON_SERVERS

__all__ = ["ID", "LONG_TEXT", "MOMENT", "ON_SERVERS", "STAMP"]

STAMP = sa.DateTime()
