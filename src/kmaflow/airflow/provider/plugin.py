"""What kmaflow adds to every Airflow process: its timetable, so that the scheduler can read stored DAGs; and to the api-server
the page and the HTTP API, with a link to it in the navigation and a tab on each DAG."""

from __future__ import annotations

from typing import Any

from airflow.plugins_manager import AirflowPlugin

from kmaflow.airflow.provider.timetable import WindowTimetable
from kmaflow.language import say_in_airflow


class KmaflowPlugin(AirflowPlugin):
    """Registered by the entry point ``airflow.plugins``."""

    name = "kmaflow"
    timetables: list[Any] = [WindowTimetable]  # noqa: RUF012  (Airflow declares it so)
    external_views: list[Any] = [  # noqa: RUF012
        {
            "name": say_in_airflow("기상 관측", "Weather"),
            "href": "/kmaflow/app/",
            "url_route": "kmaflow",
            "destination": "nav",
            "nav_top_level": True,
        },
        {
            "name": say_in_airflow("수집 상태", "State of the data"),
            "href": "/kmaflow/app/#/work",
            "url_route": "kmaflow_dag",
            "destination": "dag",
        },
    ]

    @property
    def fastapi_apps(self) -> list[Any]:  # type: ignore[override]
        """The HTTP API; made when the api-server asks, not in every scheduler and worker."""
        from kmaflow.airflow.provider.http_api import mounted

        return mounted()
