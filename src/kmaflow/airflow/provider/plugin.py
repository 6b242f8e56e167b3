"""What kmaflow adds to every Airflow process: its timetable, so that the scheduler can read stored DAGs; and to the api-server the HTTP API."""

from __future__ import annotations

from typing import Any

from airflow.plugins_manager import AirflowPlugin

from kmaflow.airflow.provider.timetable import WindowTimetable


class KmaflowPlugin(AirflowPlugin):
    """Registered by the entry point ``airflow.plugins``."""

    name = "kmaflow"
    timetables: list[Any] = [WindowTimetable]  # noqa: RUF012  (Airflow declares it so)

    @property
    def fastapi_apps(self) -> list[Any]:  # type: ignore[override]
        """The HTTP API; made when the api-server asks, not in every scheduler and worker."""
        from kmaflow.airflow.provider.http_api import mounted

        return mounted()
