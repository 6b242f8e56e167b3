"""Which stations: a person's words ("all", "108, 서울") as numbers, the same for every command, DAG and reader."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from unicodedata import normalize

import sqlalchemy as sa

from kmaflow.catalog import DATASETS, means_all
from kmaflow.catalog.model import Network
from kmaflow.errors import UsageError
from kmaflow.hub.lines import read_station
from kmaflow.language import say
from kmaflow.store.schema.service import COVERAGE_DAY, STATION
from kmaflow.store.stations import Station, current


class UnknownStations(UsageError):
    """Nobody lists these stations, and none of them has ever reported."""


@dataclass(frozen=True, slots=True)
class StationChoice:
    """The stations to be stored: numbers in order, None = all."""

    stations: tuple[int, ...] | None = None

    @property
    def selection(self) -> str:
        """As the ledger keeps it."""
        return "all" if self.stations is None else ",".join(map(str, self.stations))

    def describe(self) -> str:
        """In words, Korean and English."""
        if self.stations is None:
            return say("전체 지점", "all stations")
        shown = ", ".join(map(str, self.stations[:10])) + (" …" if len(self.stations) > 10 else "")
        return say(f"{len(self.stations)}개 지점: {shown}", f"{len(self.stations)} stations: {shown}")


ALL = StationChoice()


def wanted(text: str | Iterable[str | int]) -> list[str]:
    """The single words of a choice: separated by commas, semicolons or new lines; names may hold blanks."""
    parts = re.split(r"[,;\n]", text) if isinstance(text, str) else [str(part) for part in text]
    return [word for part in parts if (word := part.strip())]


def resolve_stations(
    connection: sa.Connection,
    text: str | Iterable[str | int],
    datasets: Iterable[str] = DATASETS,
    *,
    known: Iterable[int] = (),
) -> StationChoice:
    """Numbers for a person's words: of stations that are listed now in a network of these datasets, or that have ever reported in one of its datasets.

    Nothing is written, and tables need not be there yet.

    Args:
        text: ``all``, or numbers and Korean or English names.
        datasets: for which the stations are meant.
        known: numbers that are stations, listed or not.

    Raises:
        UnknownStations: words that fit nothing; the nearest valid ones are named.
        UsageError: no station at all.
        StoreError: the database cannot be read.
    """
    words = wanted(text)
    if means_all(words):
        return ALL
    networks = {DATASETS[name].network for name in datasets} or {"AWS", "SFC"}
    there = sa.inspect(connection).has_table
    listed = current(connection) if there(STATION.name) else []
    related = [name for name, described in DATASETS.items() if described.network in networks]
    from kmaflow.store.coverage.gaps import ever_reported  # numpy: not for who stores all stations

    reported = ever_reported(connection, related) if there(COVERAGE_DAY.name) else frozenset()
    return choose(words, listed, tuple(networks), reported | set(known))


def choose(
    text: str | Iterable[str | int],
    listed: Sequence[Station],
    networks: Sequence[Network],
    reporting: Iterable[int] = (),
) -> StationChoice:
    """Numbers for a person's words.

    Args:
        text: ``all``, or numbers and Korean or English names.
        listed: current stations.
        networks: a name or number must belong to one of these.
        reporting: numbers that no list names but that report.

    Raises:
        UnknownStations: words that fit nothing; the nearest valid ones are named.
        UsageError: no station at all.
    """
    words = wanted(text)
    if not words:
        raise UsageError(
            "no station is named",
            ko="지점을 지정하지 않았습니다",
            todo_en="write all, or numbers and names",
            todo_ko="all 또는 지점번호·이름을 쓰십시오",
        )
    if means_all(words):
        return ALL
    members = [station for station in listed if set(station.networks.split(",")) & set(networks) or "AWS" in networks]
    numbers = {station.stn for station in members} | set(reporting)
    by_name: dict[str, list[Station]] = {}
    for station in members:
        for name in {station.name_ko, station.name_en} - {None}:
            by_name.setdefault(plain(str(name)), []).append(station)
    chosen: set[int] = set()
    unknown: list[str] = []
    for word in words:
        if (stn := read_station(word)) is not None and stn in numbers:
            chosen.add(stn)
        elif found := by_name.get(plain(word)):
            chosen.update(station.stn for station in found)
        else:
            unknown.append(word)
    if unknown:
        nearest = {word: _nearest(word, members, numbers) for word in unknown}
        near = "; ".join(f"{word} → {stations}" for word, stations in nearest.items() if stations)
        raise UnknownStations(
            f"no such station: {', '.join(unknown)}",
            ko=f"없는 지점입니다: {', '.join(unknown)}",
            todo_en=(f"nearest: {near}; " if near else "") + "search with: kmaflow stations list",
            todo_ko=(f"가까운 지점: {near}; " if near else "") + "kmaflow stations list로 찾으십시오",
        )
    return StationChoice(tuple(sorted(chosen)))


def plain(name: str) -> str:
    """A name as it is compared: without blanks and stars, in small letters."""
    return re.sub(r"[\s*]+", "", name).casefold()


def _nearest(word: str, members: Sequence[Station], numbers: set[int]) -> str:
    named = {station.stn: station.name_ko or station.name_en or "" for station in members}
    if (number := read_station(word)) is not None:
        found: list[int] = sorted(sorted(numbers), key=lambda stn: abs(stn - number))[:3]
    else:
        names = {plain(name): station.stn for station in members for name in (station.name_ko, station.name_en) if name}
        inside = [name for name in names if plain(word) and (plain(word) in name or name in plain(word))]
        # letter by letter, so that 서을 is nearer to 서울 than to any other name with a syllable of it
        letters = {normalize("NFD", name): name for name in names}
        close = inside[:3] or [
            letters[near] for near in get_close_matches(normalize("NFD", plain(word)), letters, n=3, cutoff=0.3)
        ]
        found = list(dict.fromkeys(names[name] for name in close))
    return ", ".join(f"{stn} {named.get(stn, '')}".strip() for stn in found)
