"""Which rebuild is at work: a ledger row that says since when, so that one that was broken off goes on where it was."""

from __future__ import annotations

import sqlalchemy as sa

from kmaflow.store import ledger
from kmaflow.store.engines.database import reading, writing
from kmaflow.store.ledger import LOADED
from kmaflow.store.schema.service import LEDGER
from kmaflow.store.store import Store

#: ``dataset`` of these ledger rows.
REBUILD = "rebuild"
_AT_WORK, _DONE, _LEFT = "rebuilding", "rebuilt", "abandoned"


def begin(store: Store, plan: str) -> tuple[int, bool]:
    """Write down that a rebuild begins; gives the id of its ledger row, and whether one of the same plan was broken off and goes on."""
    store.init()
    table = LEDGER.c
    with writing(store.engine) as connection:
        at_work = (table.dataset == REBUILD) & (table.outcome == _AT_WORK)
        last = connection.execute(sa.select(table.id, table.message).where(at_work).order_by(table.id.desc())).first()
        if last is not None and last.message == plan:
            return last.id, True
        connection.execute(LEDGER.update().where(at_work).values(outcome=_LEFT))
        return ledger.write(connection, ledger.event(REBUILD, None, _AT_WORK, message=plan)), False


def end(store: Store, rebuild: int) -> None:
    """Write down that it is done."""
    with writing(store.engine) as connection:
        connection.execute(LEDGER.update().where(LEDGER.c.id == rebuild).values(outcome=_DONE))


def stored_selections(store: Store) -> set[str]:
    """For which stations answers were stored so far, as the ledger writes it: ``all``, or numbers."""
    store.init()
    table = LEDGER.c
    loaded = table.outcome.in_(LOADED) & table.tm_to.is_not(None)
    with reading(store.engine) as connection:
        return set(connection.execute(sa.select(table.selection).where(loaded).distinct()).scalars())
