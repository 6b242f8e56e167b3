"""Does everything work? Key, each operation's 활용신청, clock, database and the times in it, archive: checked one by one, cheaply."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from kmaflow.archive.archive import Archive
from kmaflow.catalog import DATASETS, STATION_LISTS
from kmaflow.catalog.model import Dataset, StationList
from kmaflow.catalog.time import Window, floor_to, now_kst
from kmaflow.collect.live_need import open_quota
from kmaflow.errors import KmaflowError
from kmaflow.hub.client import HubClient
from kmaflow.hub.errors import BadKey, NotYetProduced, QuotaSpent
from kmaflow.hub.parse import parse
from kmaflow.hub.secrecy import key_id
from kmaflow.language import say
from kmaflow.maintain import future_times
from kmaflow.quota.meter import Meter
from kmaflow.quota.quota import Quota
from kmaflow.settings import Settings
from kmaflow.store import Store
from kmaflow.store.engines.database import shown
from kmaflow.store.errors import StoreMissing
from kmaflow.store.state import State

#: A station that is in both networks and has reported for a century: 서울.
_STATION = 108
#: Runs start 3 minutes after a window's end: a clock that is off by more than this asks for the wrong minutes.
_CLOCK_SECONDS = 60
_FREE_BYTES = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Finding:
    """One check: what was looked at, whether it is well, what was seen, and what to do if it is not."""

    what: str
    ok: bool
    seen: str
    todo: str = ""


def check_up(settings: Settings) -> Iterator[Finding]:
    """Every check in turn. Costs eight small calls of the day's quota; once that is spent, nothing is asked."""
    database = _try("database", lambda: _database(settings))
    yield database
    there = database.ok and _there(settings)
    if there:
        yield from _times(settings)
        yield from _held_lists(settings)
    yield _try("archive", lambda: _archive(settings))
    yield _disk(settings)
    if there:
        yield from _one_by_one(settings)
    if settings.api_key is None:
        yield Finding(
            "key",
            False,
            say("KMAFLOW_API_KEY가 설정되지 않았습니다", "KMAFLOW_API_KEY is not set"),
            say(
                "API허브 마이페이지의 인증키를 설정하십시오. 키 없이 써 보기: kmaflow simulate",
                "set the key of your API Hub account; to try without one: kmaflow simulate",
            ),
        )
        return
    if not database.ok:
        # Without the quota nobody asks the hub.
        yield Finding(
            "key",
            False,
            say("데이터베이스를 쓸 수 없어 점검하지 못했습니다", "not checked: the database cannot be used"),
        )
        return
    with (
        State(settings.state_url) as state,
        open_quota(settings, state, key_id(settings.api_key)) as quota,
        HubClient(settings.api_key, settings.hub_url, meter=Meter(quota, "live"), tries=2) as client,
    ):
        try:
            for name, ask in _operations(client):
                found = _try(name, ask)
                yield found
                if not found.ok and found.seen.startswith(BadKey.code):
                    return
            yield _try("quota", lambda: _left(quota))
        except QuotaSpent as spent:
            yield _spent(spent)
        if client.requests:
            yield _clock(client)


def _one_by_one(settings: Settings) -> Iterator[Finding]:
    """Datasets whose calls for all stations ask for one stamp each."""
    with Store(settings.database_url, must_exist=True) as store:
        for name, why in store.asked_one_by_one(settings.window_minutes).items():
            yield Finding(
                f"window form · {name}",
                False,
                why,
                say(
                    "누락은 없으나 호출이 늘어납니다. 이 내용을 kmaflow에 알리고, API허브가 정상화되면 KMAFLOW_WINDOW_MINUTES를 바꾸십시오",
                    "nothing is lost, but it takes more calls: report this to kmaflow; once the hub is mended, change KMAFLOW_WINDOW_MINUTES",
                ),
            )


def _left(quota: Quota) -> str:
    limits, total = quota.limits, quota.spent().total
    return say(
        f"오늘 호출 {total.calls:,} / {limits.calls_ceiling:,}회, {total.charged:,} / {limits.bytes_ceiling:,}바이트 (98 %)",
        f"today: {total.calls:,} of {limits.calls_ceiling:,} calls, {total.charged:,} of {limits.bytes_ceiling:,} bytes (98 %)",
    )


def _spent(error: QuotaSpent) -> Finding:
    """No fault of the set-up: it passes by itself."""
    until = f"{error.until:%Y-%m-%d %H:%M}" if error.until else "00:00"
    return Finding(
        "quota",
        True,
        say(
            f"일일 한도를 다 썼습니다. {until}(한국시각)까지 요청하지 않으므로 나머지는 점검하지 못했습니다",
            f"quota used up: no requests until {until} KST, so the rest was not checked: {error.what}",
        ),
    )


def _try(what: str, check: Callable[[], str]) -> Finding:
    try:
        return Finding(what, True, check())
    except NotYetProduced as error:
        # The operation answers; that this minute is late is no fault of the set-up.
        return Finding(
            what, True, say(f"응답함, 아직 자료 없음: {error.what_ko}", f"responds, no data yet: {error.what}")
        )
    except QuotaSpent:
        raise
    except KmaflowError as error:
        seen = f"{error.code}: {error.what}" if error.code else error.what
        return Finding(what, False, seen, f"{error.todo_ko} / {error.todo_en}")


def _database(settings: Settings) -> str:
    if not _there(settings):
        return say(
            f"{shown(settings.database_url)}: 아직 없음(처음 수집할 때 만듭니다)",
            f"{shown(settings.database_url)}: not there yet; the first collection makes it",
        )
    with Store(settings.database_url) as store, State(settings.state_url) as state:
        state.look()
        made = store.init() + state.init()
        store.probe()
        return say(f"{store.shown_url}: 쓰기 가능", f"{store.shown_url}: can be written") + (
            f" ({len(made)} tables made)" if made else ""
        )


def _there(settings: Settings) -> bool:
    with Store(settings.database_url, must_exist=True) as store:
        try:
            store.init()
        except StoreMissing:
            return False
    return True


def _times(settings: Settings) -> Iterator[Finding]:
    """What lies in the future, if anything does."""
    with Store(settings.database_url, must_exist=True) as store:
        found = future_times.find(store)
    if found:
        yield Finding(
            "times",
            False,
            say(f"미래의 시각: {found}", f"times in the future: {found}"),
            say(
                "미래 시각의 자료가 이후의 응답보다 우선합니다. kmaflow doctor --mend로 바로잡으십시오",
                "what came in the future is believed over later answers: kmaflow doctor --mend",
            ),
        )


def _held_lists(settings: Settings) -> Iterator[Finding]:
    """The station lists that wait for a second one."""
    with Store(settings.database_url, must_exist=True) as store:
        for network, (since, why) in store.held_lists().items():
            yield Finding(
                f"stations {network}",
                False,
                say(f"{since:%Y-%m-%d %H:%M}부터 보류: {why}", f"held since {since:%Y-%m-%d %H:%M}: {why}"),
                say(
                    "다른 날의 목록도 같으면 자동으로 반영합니다. 지금 반영하려면 kmaflow stations sync --force",
                    "it is taken by itself once the list of another day agrees; to take it now: kmaflow stations sync --force",
                ),
            )


def _archive(settings: Settings) -> str:
    archive = Archive(settings.archive_url)
    archive.probe()
    return say(f"{archive.url}: 쓰기 가능", f"{archive.url}: can be written")


def _disk(settings: Settings) -> Finding:
    folder = next((path for path in (settings.home, *settings.home.parents) if path.exists()), Path("/"))
    free = shutil.disk_usage(folder).free
    return Finding(
        "disk",
        free >= _FREE_BYTES,
        say(f"{folder}: {free / 1e9:,.1f} GB 남음", f"{folder}: {free / 1e9:,.1f} GB free"),
        ""
        if free >= _FREE_BYTES
        else say(
            "디스크를 확보하십시오. 하루에 약 1 GB를 사용합니다",
            "free some space: a day of all datasets takes about 1 GB",
        ),
    )


def _operations(client: HubClient) -> Iterator[tuple[str, Callable[[], str]]]:
    for dataset in DATASETS.values():
        end = floor_to(client.clock() - 2 * dataset.latency, dataset.cadence)
        window = Window(end - dataset.cadence, end)

        yield f"{dataset.name} · {dataset.request.endpoint.rsplit('/', 1)[-1]}", partial(_ask, client, dataset, window)
    for stations in STATION_LISTS.values():
        yield f"stations {stations.network} · stn_inf", partial(_ask_stations, client, stations)


def _ask(client: HubClient, dataset: Dataset, window: Window) -> str:
    answer = client.ask(dataset, window, _STATION)
    notes = parse(dataset, answer.content, window=window, one_station=True).notes
    return "; ".join([f"{len(answer.content):,} bytes for {window.end:%Y-%m-%d %H:%M}", *notes])


def _ask_stations(client: HubClient, stations: StationList) -> str:
    return f"{len(client.ask_stations(stations).content):,} bytes"


def _clock(client: HubClient) -> Finding:
    ahead = client.clock_ahead
    if ahead is None:
        return Finding(
            "clock",
            True,
            say(
                f"{now_kst():%Y-%m-%d %H:%M:%S} KST; API허브가 시각을 알려 주지 않습니다",
                f"{now_kst():%Y-%m-%d %H:%M:%S} KST; the hub does not tell the time",
            ),
        )
    well = abs(ahead) <= _CLOCK_SECONDS
    return Finding(
        "clock",
        well,
        say(f"API허브와 {ahead:+.0f}초 차이", f"off by {ahead:+.0f} s from the hub"),
        "" if well else say("컴퓨터의 시계를 맞추십시오(NTP)", "set this machine's clock (NTP)"),
    )
