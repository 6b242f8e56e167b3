"""What the log of a task says at its end: one sentence of what was collected."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kmaflow.language import say_in_airflow


def stretch(summary: Mapping[str, Any]) -> str:
    """``2026-11-29 02:00–02:10``; both days where they differ; empty where there is none."""
    start, end = summary.get("from"), summary.get("to")
    if not start or not end:
        return ""
    return f"{start}–{end[11:] if start[:10] == end[:10] else end}"


def collected(summary: Mapping[str, Any]) -> str:
    """Rows, blank rows, what is missing, and the price, as far as the summary of a task knows them."""
    rows, calls = int(summary.get("rows", 0)), int(summary.get("calls", 0))
    size = f"{int(summary.get('bytes', 0)) / 1e6:.1f} MB"
    blank = int(summary.get("blank", 0))
    found = [say_in_airflow(f"{rows:,}행 저장", f"{rows:,} rows stored")]
    if blank:
        found.append(say_in_airflow(f"결측 {blank:,}", f"{blank:,} blank"))
    found.append(_missing(summary))
    price = say_in_airflow(f"API 호출 {calls:,}회, {size}", f"{calls:,} call{'' if calls == 1 else 's'}, {size}")
    head = " ".join(filter(None, (summary["dataset"], stretch(summary))))
    return f"{head}: {', '.join(found)} · {price}"


def _missing(summary: Mapping[str, Any]) -> str:
    missing = summary.get("missing", ())
    left = int(summary.get("left") or len(missing)) + int(summary.get("rejected") or 0)
    if not left:
        return say_in_airflow("누락 없음", "nothing missing")
    return say_in_airflow(f"누락 {left:,}건", f"{left:,} missing")


def unasked(until: str | None) -> str:
    """Why a task did less than it was to do, although nothing is wrong."""
    again = until or "00:00"
    return say_in_airflow(
        f"하루 한도 때문에 요청하지 않았습니다({again}부터 다시 요청)",
        f"not requested: quota (requested again from {again} KST)",
    )
