"""``kmaflow doctor``: is everything in order, and if not, what to do."""

from __future__ import annotations

from typing import Annotated

import typer

from kmaflow.commands.output import Json, exit_with, print_json, print_table, progress, tell
from kmaflow.commands.sources import sources
from kmaflow.language import say

HELP = say(
    """인증키, 활용신청, 시계, 데이터베이스, 보관소를 점검하고 조치를 알려 줍니다.

    예: kmaflow doctor""",
    """Check the key, the application for each operation, the clock, the database and the archive, and say what to do.

    Example: kmaflow doctor""",
)


def doctor(
    mend: Annotated[
        bool,
        typer.Option(
            "--mend",
            help=say(
                "데이터베이스의 미래 시각을 바로잡음", "correct times that lie in the future, and load their days again"
            ),
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """Check everything that is needed."""
    from dataclasses import asdict

    from kmaflow.collect import Collector
    from kmaflow.maintain import future_times
    from kmaflow.maintain.doctor import check_up
    from kmaflow.settings import load_settings

    settings = load_settings()
    mended: list[str] = []
    if mend:
        with Collector.open(settings, needs_hub=False) as collector:
            collector.store.init()
            mended = future_times.mend(collector)
    findings = []
    with progress(quiet=as_json, rows=False) as bars:
        bar = bars.add_task(say("점검", "checks"), total=None)
        for finding in check_up(settings):
            findings.append(finding)
            bars.update(bar, advance=1)
    well = all(finding.ok for finding in findings)
    if as_json:
        told = {"ok": well, "hub": settings.hub_url, "checks": [asdict(finding) for finding in findings]}
        print_json({**told, **({"mended": mended} if mend else {})})
    else:
        for line in mended or ([say("고칠 것이 없습니다", "nothing to mend")] if mend else []):
            tell(f"--mend: {line}")
        rows = [("✓" if finding.ok else "✗", finding.what, finding.seen, finding.todo) for finding in findings]
        print_table(
            "\n".join(sources(settings)),
            ("", say("점검", "check"), say("결과", "result"), say("조치", "what to do")),
            rows,
        )
    exit_with(0 if well else 1)
