"""The observation database: tables from the catalogue, idempotent loads, ledger, revisions, stations."""

from kmaflow.store.store import Store

__all__ = ["Store"]
