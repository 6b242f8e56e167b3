"""The day of the key, as ``/v1/overview`` and ``/v1/status`` tell it."""

from __future__ import annotations

from datetime import date

import sqlalchemy as sa

from kmaflow.api import models
from kmaflow.api.reader import Reader
from kmaflow.catalog import DATASETS
from kmaflow.quota.limits import CLASSES, Spent
from kmaflow.status.quota_use import QuotaUse, quota_use
from kmaflow.store.ledger import asked_one_by_one


def quota_of(connection: sa.Connection, reader: Reader) -> QuotaUse:
    """What the key has spent today, and what live data still needs."""
    minutes = reader.settings.window_minutes
    one_by_one = tuple(name for name in DATASETS if asked_one_by_one(connection, name, minutes))
    return quota_use(reader.settings, reader.state, reader.clock(), one_by_one)


def quota_told(quota: QuotaUse) -> models.QuotaNow:
    """The same as an answer."""
    by_class, total = quota.usage.by_class, quota.at_midnight
    return models.QuotaNow(
        day=date.fromisoformat(quota.usage.day),
        calls_limit=quota.limits.daily_calls,
        bytes_limit=quota.limits.daily_bytes,
        classes=[
            models.QuotaClass(
                name=name,
                calls=by_class.get(name, Spent()).calls,
                bytes=by_class.get(name, Spent()).charged,
                reserved_calls=quota.live.kept.calls if name == "live" else 0,
            )
            for name in CLASSES
        ],
        forecast=models.Forecast(calls=total.calls, bytes=total.charged, enough=quota.enough),
        exhausted=quota.usage.exhausted,
        until=quota.usage.until,
        known=quota.known,
    )
