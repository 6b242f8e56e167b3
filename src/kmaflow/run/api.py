"""The few calls of Airflow's REST API that the launcher and the smoke test make. Airflow itself is not imported."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self
from urllib.parse import quote

import httpx

from kmaflow.errors import KmaflowError

FINISHED = ("success", "failed")


class ApiBusy(KmaflowError):
    """Airflow did not answer, or with an error of its own (a locked SQLite file, most often): ask again."""

    todo_en = "it is asked again; if it stays: read logs/api-server.log"
    todo_ko = "자동으로 다시 요청합니다; 계속되면 logs/api-server.log를 확인하십시오"


class AirflowApi:
    """One Airflow, logged in as one user. Close it, or use it as a context manager.

    Args:
        base_url: ``http://127.0.0.1:8080``.
    """

    def __init__(self, base_url: str, user: str, password: str) -> None:
        self._login = {"username": user, "password": password}
        self._http = httpx.Client(base_url=base_url, timeout=60.0, trust_env=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def healthy(self) -> bool:
        """Whether database, scheduler and DAG processor report themselves well."""
        try:
            answer = self._http.get("/api/v2/monitor/health")
        except httpx.TransportError:
            return False
        if answer.status_code != httpx.codes.OK:
            return False
        parts = answer.json()
        return all(
            (parts.get(name) or {}).get("status") == "healthy"
            for name in ("metadatabase", "scheduler", "dag_processor")
        )

    def dags(self) -> list[dict[str, Any]]:
        """The DAGs that are there."""
        return list(self._get("/dags", {"tags": "kma"})["dags"])

    def import_errors(self) -> list[str]:
        """Why DAG files could not be read."""
        return [str(one["stack_trace"]) for one in self._get("/importErrors", {})["import_errors"]]

    def runs(self, *, dag_id: str = "~", **parameters: Any) -> list[dict[str, Any]]:
        """Runs, by the parameters of ``GET /dags/{dag_id}/dagRuns``, oldest end first."""
        return list(
            self._get(f"/dags/{dag_id}/dagRuns", {"limit": 100, "order_by": "end_date", **parameters})["dag_runs"]
        )

    def tasks(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        """The task instances of a run."""
        return list(self._get(f"/dags/{dag_id}/dagRuns/{quote(run_id, safe='')}/taskInstances", {})["task_instances"])

    def xcom(self, dag_id: str, run_id: str, task_id: str) -> dict[str, Any] | None:
        """The summary that a task left behind; None where it left none."""
        value = self.left(dag_id, run_id, task_id, "return_value")
        return value if isinstance(value, dict) else None

    def left(self, dag_id: str, run_id: str, task_id: str, key: str) -> Any:
        """What a task left behind under a key; None where it left nothing."""
        path = f"/dags/{dag_id}/dagRuns/{quote(run_id, safe='')}/taskInstances/{task_id}/xcomEntries/{key}"
        answer = self._send("GET", path)
        if answer.status_code == httpx.codes.NOT_FOUND:
            return None
        answer.raise_for_status()
        return answer.json()["value"]

    def note(self, dag_id: str, run_id: str, text: str) -> None:
        """Write a run's note."""
        self._send("PATCH", f"/dags/{dag_id}/dagRuns/{quote(run_id, safe='')}", json={"note": text})

    def trigger(self, dag_id: str, conf: Mapping[str, Any]) -> str:
        """Start a run by hand; returns its id."""
        body = {"conf": dict(conf), "logical_date": None}
        answer = self._send("POST", f"/dags/{dag_id}/dagRuns", json=body)
        answer.raise_for_status()
        return str(answer.json()["dag_run_id"])

    def pause(self, dag_id: str, *, paused: bool) -> None:
        """Pause or unpause a DAG."""
        self._send("PATCH", f"/dags/{dag_id}", json={"is_paused": paused}).raise_for_status()

    def _get(self, path: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        answer = self._send("GET", path, params=dict(parameters))
        answer.raise_for_status()
        content: dict[str, Any] = answer.json()
        return content

    def _send(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        """One call; logs in first, and again when the token has run out.

        Raises:
            ApiBusy: no answer, or 5xx.
        """
        if "Authorization" not in self._http.headers:
            self._authorise()
        answer = self._once(method, f"/api/v2{path}", **arguments)
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            self._authorise()
            answer = self._once(method, f"/api/v2{path}", **arguments)
        return answer

    def _once(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        try:
            answer = self._http.request(method, path, **arguments)
        except httpx.TransportError as cause:
            raise ApiBusy(
                f"Airflow's API: {type(cause).__name__}", ko=f"Airflow API 응답 없음: {type(cause).__name__}"
            ) from None
        if answer.is_server_error:
            raise ApiBusy(
                f"Airflow's API answered {answer.status_code} to {method} {path}",
                ko=f"Airflow API가 {method} {path}에 {answer.status_code}로 응답했습니다",
            )
        return answer

    def _authorise(self) -> None:
        answer = self._once("POST", "/auth/token", json=self._login)
        answer.raise_for_status()
        self._http.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
