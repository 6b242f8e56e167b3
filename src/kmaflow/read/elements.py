"""What can be asked for at a place: elements, each with the datasets that have it, and the words by which people ask for them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache

from kmaflow.catalog import DATASETS
from kmaflow.errors import UsageError
from kmaflow.read.tables import Meaning, subject
from kmaflow.read.units import SPEED_OF

#: What AWS and ASOS both measure at one station; the younger of the two readings counts, of equal ones the first.
_BOTH: Mapping[str, tuple[tuple[str, str], ...]] = {
    **{name: (("aws_minute", name), ("asos_hourly", name)) for name in ("ta", "td", "hm", "pa", "ps")},
    "ws10": (("aws_minute", "ws10"), ("asos_hourly", "ws")),
    "wd10": (("aws_minute", "wd10"), ("asos_hourly", "wd")),
    "ts": (("aws_ground_temperature", "ts"), ("asos_hourly", "ts")),
}
#: Columns that are no elements of their own: readings of the same instrument in another table, or the other source of an element of that name.
_REPEATED = frozenset(
    {("aws_ground_temperature", name) for name in ("ta", "td", "hm", "pa", "ps")}
    | {("asos_hourly", name) for name in ("ta", "td", "hm", "pa", "ps", "ts")}
)
#: Asked for where nobody says what.
USUAL = ("ta", "td", "hm", "ws10", "wd10", "wss", "wds", "rn_15m", "rn_60m", "rn_day", "ps", "vis1", "ca_tot")
_WORDS: Mapping[str, tuple[str, ...]] = {
    "temperature": ("ta",),
    "기온": ("ta",),
    "dew point": ("td",),
    "이슬점": ("td",),
    "humidity": ("hm",),
    "습도": ("hm",),
    "wind": ("ws10", "wd10"),
    "바람": ("ws10", "wd10"),
    "풍속": ("ws10",),
    "풍향": ("wd10",),
    "gust": ("wss", "wds"),
    "돌풍": ("wss", "wds"),
    "rain": ("rn_15m", "rn_60m", "rn_day"),
    "비": ("rn_15m", "rn_60m", "rn_day"),
    "강수": ("rn_15m", "rn_60m", "rn_day"),
    "강수량": ("rn_15m", "rn_60m", "rn_day"),
    "pressure": ("ps",),
    "기압": ("ps",),
    "visibility": ("vis1",),
    "시정": ("vis1",),
    "cloud": ("ca_tot", "ch_low"),
    "구름": ("ca_tot", "ch_low"),
    "snow": ("sd_tot",),
    "적설": ("sd_tot",),
    "눈": ("sd_tot",),
}
#: Local: the next valley has other rain, snow, cloud and sight.
_LOCAL = ("rn", "re", "sd_", "ww", "wc", "vis", "vs", "ca_", "ch_")
LOCAL_KM, WIDE_KM = 10.0, 25.0


@dataclass(frozen=True, slots=True)
class Element:
    """One element.

    Attributes:
        name: KMA's name in the first dataset that has it; ``dataset.name`` where another element has that already.
        sources: (dataset, column), the preferred first.
        meaning: of the first source; values of all sources are given in its unit.
        within_km: how far a station may be for its value to hold at a place, unless somebody says otherwise.
    """

    name: str
    sources: tuple[tuple[str, str], ...]
    meaning: Meaning
    within_km: float

    @property
    def speed(self) -> str | None:
        """The element of the speed, if this is a direction."""
        return SPEED_OF.get(self.name)


@cache
def elements() -> Mapping[str, Element]:
    """All elements by name, in the order of the catalogue."""
    found: dict[str, Element] = {}
    for dataset, described in DATASETS.items():
        for column in described.values:
            if (dataset, column.name) in _REPEATED:
                continue
            name = column.name if column.name not in found else f"{dataset}.{column.name}"
            sources = _BOTH.get(name, ((dataset, column.name),))
            within = LOCAL_KM if column.name.startswith(_LOCAL) else WIDE_KM
            found[name] = Element(name, sources, subject(dataset).columns[column.name], within)
    return found


def chosen_elements(words: Iterable[str] | None) -> list[Element]:
    """The elements that a person means: KMA's names, CF standard names, or words such as ``기온``, ``rain``; None = the usual ones.

    Raises:
        UsageError: a word means none; the nearest valid ones are named.
    """
    if words is None:
        return [elements()[name] for name in USUAL]
    wanted = [name for word in words for name in _meant(word)]
    return [elements()[name] for name in dict.fromkeys(wanted)]


def _meant(word: str) -> tuple[str, ...]:
    plain = word.strip().lower().replace("-", "_")
    known = elements()
    if plain in known:
        return (plain,)
    spaced = plain.replace("_", " ")
    if spaced in _WORDS:
        return _WORDS[spaced]
    if named := [name for name in (*USUAL, *known) if known[name].meaning.cf == plain]:
        return (named[0],)
    valid = [*known, *_WORDS]
    near = ", ".join(get_close_matches(plain, valid, n=3, cutoff=0.4) or USUAL)
    raise UsageError(
        f"there is no element {word.strip()!r}",
        ko=f"그런 요소가 없습니다: {word.strip()!r}",
        todo_en=f"nearest: {near}",
        todo_ko=f"가까운 요소: {near}",
    )


def columns_meant(dataset: str, words: Iterable[str]) -> list[str]:
    """The columns of one table that words mean: its own names, CF standard names, or people's words.

    Raises:
        UsageError: a word means none of them; the nearest valid ones are named.
    """
    what = subject(dataset)
    found: list[str] = []
    for word in words:
        plain = word.strip().lower().replace("-", "_")
        mine = [plain] if plain in what.columns else [name for name, one in what.columns.items() if one.cf == plain][:1]
        if not mine and plain.replace("_", " ") in _WORDS:
            sources = [source for name in _WORDS[plain.replace("_", " ")] for source in elements()[name].sources]
            mine = [column for of, column in sources if of == what.dataset.name and column in what.columns]
        found += mine or what.chosen([plain])[len(what.keys) :]
    return list(dict.fromkeys(found))
