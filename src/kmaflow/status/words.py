"""What the states of cells are called, in Korean and English."""

from __future__ import annotations

from collections.abc import Mapping

LABELS: Mapping[str, tuple[str, str]] = {
    "present": ("값 있음", "present"),
    "blank": ("빈 값", "blank"),
    "absent": ("응답에 없음", "absent"),
    "empty": ("자료 없음", "empty"),
    "not_yet_produced": ("미생산", "not yet produced"),
    "refused": ("거부", "refused"),
    "rejected": ("해석 불가", "rejected"),
    "not_asked": ("미요청", "not requested"),
    "due_later": ("아직 시각 전", "not due yet"),
    "not_expected": ("대상 지점 아님", "not expected"),
}
