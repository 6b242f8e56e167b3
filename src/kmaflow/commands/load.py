"""``kmaflow load``: the same from saved files, no hub needed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kmaflow.commands.output import Json, complain, exit_with, print_json, print_table, progress
from kmaflow.language import say

if TYPE_CHECKING:
    from kmaflow.collect import Collector


HELP = say(
    """저장해 둔 응답 파일을 데이터베이스에 적재합니다. 같은 파일을 다시 적재해도 바뀌는 것은 없습니다.

    예: kmaflow load 응답.txt --fetched-at "2026-11-22 13:05"

    자료의 종류는 열 이름 행으로 판단합니다. 파일에 있는 값만 수집한 것으로 보고 나머지는 계속 요청합니다. --covers를 쓰면 그 구간의 온전한 응답으로 봅니다.
    같은 값이 두 응답에 있으면 적재 순서와 관계없이 --fetched-at이 늦은 것을 씁니다. 스프레드시트에서 저장한 CSV와 UTF-8은 읽을 수 있으나 UTF-16은
    읽을 수 없습니다.""",
    """Load saved responses. Loading one again changes nothing.

    Example: kmaflow load saved.txt --fetched-at "2026-11-22 13:05"

    The line of column names tells the dataset. A file counts only for the values that it holds; everything else is still requested, unless --covers
    says that the file is the whole response to a window. Of two responses for one value the later --fetched-at counts, whatever is loaded
    last. CSV as spreadsheets save it and UTF-8 can be read, UTF-16 cannot.""",
)


def load(
    files: Annotated[
        list[Path], typer.Argument(help=say("저장해 둔 응답 파일", "saved responses of the hub"), metavar="FILE…")
    ],
    dataset: Annotated[
        str | None,
        typer.Option(
            "--dataset", help=say("자료 이름 (열 이름 행이 없는 파일)", "the dataset, where no header tells it")
        ),
    ] = None,
    fetched_at: Annotated[
        str | None,
        typer.Option(
            "--fetched-at",
            metavar="T",
            help=say(
                "API허브에서 받은 시각, 한국시각 (기본: 파일 시각)", "when it was fetched (default: the file's time)"
            ),
        ),
    ] = None,
    stations: Annotated[
        str,
        typer.Option(
            "--stations", help=say("저장할 지점: all, 지점번호, 지점명", "stations to store: all, numbers or names")
        ),
    ] = "all",
    values_only: Annotated[
        bool,
        typer.Option(
            "--values-only",
            help=say(
                "열 이름 행 없이 값만, 테이블의 열 순서로 읽음",
                "read the rows only, in the order of the table's columns (help=2, or another header)",
            ),
        ),
    ] = False,
    covers: Annotated[
        tuple[str, str] | None,
        typer.Option(
            "--covers",
            metavar="FROM TO",
            help=say(
                "파일이 이 구간의 온전한 응답임(없는 값은 다시 요청하지 않음)",
                "that the file is the whole answer to this window: what it lacks is not asked for again",
            ),
        ),
    ] = None,
    asked: Annotated[
        str | None,
        typer.Option(
            "--asked-stations",
            help=say("--covers의 응답을 요청한 지점 (기본: 전체)", "for which stations it was asked (default: all)"),
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Load saved responses."""
    from kmaflow import catalog
    from kmaflow.catalog.time import Window, now_kst, parse_time
    from kmaflow.collect import Collector
    from kmaflow.errors import KmaflowError, UsageError
    from kmaflow.maintain.load_saved import Covers, load_body, read_file
    from kmaflow.settings import load_settings
    from kmaflow.store.errors import StoreError

    described = catalog.dataset(dataset) if dataset else None
    moment = parse_time(fetched_at) if fetched_at else None
    if moment and moment > now_kst():
        raise UsageError(
            f"--fetched-at {moment:%Y-%m-%d %H:%M} lies in the future",
            ko=f"--fetched-at이 미래입니다: {moment:%Y-%m-%d %H:%M}",
            todo_en="say when the hub gave the file, in KST",
            todo_ko="허브에서 파일을 받은 시각을 한국시각으로 쓰십시오",
        )
    if values_only and described is None:
        raise typer.BadParameter(
            say(
                "--values-only에는 --dataset도 필요합니다: 파일만으로는 어느 자료인지 알 수 없습니다",
                "--values-only needs --dataset: such a file does not say what it is",
            )
        )
    window = Window(parse_time(covers[0]), parse_time(covers[1])) if covers else None
    if asked and window is None:
        raise typer.BadParameter(say("--asked-stations에는 --covers도 필요합니다", "--asked-stations needs --covers"))
    if window and len(files) > 1:
        raise typer.BadParameter(say("--covers는 파일 하나에만 쓸 수 있습니다", "--covers speaks of one file"))
    done: list[dict[str, Any]] = []
    failed = 0
    with Collector.open(load_settings(), needs_hub=False) as collector, progress(quiet=as_json) as bars:
        collector.store.init()
        choice = collector.choose_stations(stations)
        whole = Covers(window, _asked(collector, asked or "all")) if window else None
        bar = bars.add_task("load", total=len(files), rows=0)
        for path in files:
            try:
                content, changed_at = read_file(path)
                result = load_body(
                    collector,
                    content,
                    moment or changed_at,
                    dataset=described,
                    choice=choice,
                    values_only=values_only,
                    covers=whole,
                )
            except StoreError:
                raise
            except KmaflowError as error:
                failed += 1
                complain(f"{path}: {error}")
                continue
            done.append({"file": str(path), **result})
            bars.update(bar, advance=1, rows=sum(int(one["rows"]) for one in done))
    _report(done, as_json=as_json)
    lacking = any(one["rejected"] or one["not_produced"] or one["outcome"] == "incomplete_answer" for one in done)
    exit_with(1 if failed else 3 if lacking else 0)


def _asked(collector: Collector, text: str) -> str:
    """The stations of ``--asked-stations`` as the manifest keeps them. Numbers need no list that names them."""
    from kmaflow.hub.lines import read_station
    from kmaflow.store.selection import StationChoice, wanted

    words = wanted(text)
    numbers = {stn for word in words if (stn := read_station(word)) is not None}
    if words and len(numbers) == len(set(words)):
        return StationChoice(tuple(sorted(numbers))).selection
    return collector.choose_stations(words).selection


def _report(done: list[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        print_json({"files": done})
        return
    if not done:
        return
    english = "file dataset from to rows blank inserted updated revised rejected not_produced outcome"
    names, heads = (
        words.split()
        for words in (english, say("파일 자료 from to 행 결측 추가 변경 정정 해석불가 미생산 결과", english))
    )
    rows = [[Path(one["file"]).name if name == "file" else one[name] for name in names] for one in done]
    more = {*heads[5:9], *(head for at, head in enumerate(heads[9:11], 9) if not any(row[at] for row in rows))}
    title = say(f"파일 {len(done)}개", f"{len(done)} file" + ("s" if len(done) > 1 else ""))
    print_table(title, heads, rows, right=heads[4:11], more=more)
