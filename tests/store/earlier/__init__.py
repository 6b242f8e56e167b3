"""Databases that kmaflow made and loaded before 0.2.0, as the engines' own dumps: by the commits 0e5e98a (histories at 0004 and 0002) and 8780f3d
(0006 and 0003). Both were given the same: station lists, answers with a correction, a saved file of two rows two days apart, a refusal.
"""

from __future__ import annotations

import gzip
from pathlib import Path

import sqlalchemy as sa

VERSIONS = ("0e5e98a", "8780f3d")


def restore(engine: sa.Engine, version: str) -> None:
    """Fill an empty database."""
    kind = {"mysql": "mariadb"}.get(engine.dialect.name, engine.dialect.name)
    script = gzip.decompress((Path(__file__).parent / f"{version}.{kind}.sql.gz").read_bytes()).decode()
    with engine.connect() as connection:
        bare = connection.connection.driver_connection
        assert bare is not None
        if kind == "sqlite":
            bare.executescript(script)
        else:
            for statement in script.split(";\n"):
                if statement.strip():
                    bare.cursor().execute(statement)
        bare.commit()
