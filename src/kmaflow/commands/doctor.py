"""``kmaflow doctor``: is everything in order, and if not, what to do."""

from __future__ import annotations

from typing import Annotated

import typer

from kmaflow.commands.output import Json, exit_with, print_json, print_table


def doctor(
    mend: Annotated[
        bool,
        typer.Option(
            "--mend", help="DB 안의 미래 시각을 고침 / set right what came in the future, and make its days again"
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """인증키·활용신청·시계·DB·보관소를 점검합니다. / Check key, each operation's 활용신청, clock, database and archive."""
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
    findings = list(check_up(settings))
    well = all(finding.ok for finding in findings)
    if as_json:
        told = {"ok": well, "hub": settings.hub_url, "checks": [asdict(finding) for finding in findings]}
        print_json({**told, **({"mended": mended} if mend else {})})
    else:
        for line in mended or (["nothing to mend / 고칠 것 없음"] if mend else []):
            typer.echo(f"--mend: {line}")
        rows = [("✓" if finding.ok else "✗", finding.what, finding.seen, finding.todo) for finding in findings]
        print_table(f"hub: {settings.hub_url}", ("", "점검 / check", "본 것 / seen", "할 일 / to do"), rows)
    exit_with(0 if well else 1)
