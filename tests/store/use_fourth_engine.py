"""Everything that a database is used for, on a made-up engine; run by ``test_engines.py`` with a copy of the package that has it."""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import sqlalchemy as sa

import kmaflow
from kmaflow.airflow.provider.store_connection import database_url
from kmaflow.quota.limits import Limits
from kmaflow.quota.quota import Quota
from kmaflow.read import read
from kmaflow.store import Store, views
from kmaflow.store.coverage.gaps import gaps
from kmaflow.store.engines.database import reading
from kmaflow.store.state import State
from tests.store.bodies import NOON, WINDOW, at, load, minute_body, rows, stamp


def main(folder: Path) -> None:
    assert Path(kmaflow.__file__).is_relative_to(folder)
    url = f"fourth:///{folder / 'fourth.db'}"
    first, second = (minute_body({(stamp(1), 108): {"ta": value}}) for value in (1.0, 2.0))
    with Store(url) as store:
        assert store.init(all_tables=True)
        assert store.engine.dialect.name == "fourth"
        print("did", "opened")
    with Store(url) as store:
        assert store.init(all_tables=True) == []
        assert load(store, first, at(12)).inserted == 2
        assert load(store, first, at(13)).inserted == 0
        print("did", "loaded")
        assert load(store, second, at(14)).revised == 1
        assert rows(store, "SELECT old_value, new_value FROM revision") == [("1.0", "2.0")]
        print("did", "revised")
        assert read(store, "aws_minute", WINDOW, stations=[108])["ta"].to_list() == [2.0]
        assert read(store, "aws_minute", WINDOW, stations=[108], as_of=at(13))["ta"].to_list() == [1.0]
        print("did", "read")
        assert tuple(name for name in views.NAMES if name in sa.inspect(store.engine).get_view_names()) == views.NAMES
        assert rows(store, "SELECT stn, ta_mean FROM v_hourly ORDER BY stn") == [(108, 2.0), (999, 1.0)]
        print("did", "views")
        with reading(store.engine) as connection:
            assert gaps(connection, ["aws_minute"], WINDOW, now=NOON + timedelta(hours=1))
        print("did", "gaps")
    with State(url) as state:
        with Quota(state, "0123456789ab", Limits(daily_calls=2)) as quota, quota.reserve("live", size=10) as ticket:
            ticket.settle(5)
        assert quota.spent().total.calls == 1
        print("did", "quota")
        with state.lease("one"):
            print("did", "lease")
    named = SimpleNamespace(conn_type="fourth", host=str(folder / "a.db"), schema=None, password=None, extra_dejson={})
    assert database_url(named) == f"fourth:///{folder / 'a.db'}"  # type: ignore[arg-type]
    print("did", "airflow")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
