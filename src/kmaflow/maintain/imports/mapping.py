"""Maps: which column of a table or file is what. A map is TOML with one section for each dataset, named as it.

    [asos_hourly]
    table = "MY_TABLE"         # of a database; a file needs none
    time = "OBSERVED_AT"
    stn = "STATION"
    [asos_hourly.columns]
    ta = "TEMPERATURE"
    wd = {from = "WIND_DIRECTION", factor = 0.1, missing = [-1]}

Whatever a map says, a missing code of the catalogue is missing.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from kmaflow.catalog import DATASETS
from kmaflow.catalog.model import Dataset
from kmaflow.errors import UsageError

#: Maps of ours, one file for each recipe.
FOLDER = Path(__file__).parent / "maps"
_OFFSET = re.compile(r"([+-])(\d{2}):(\d{2})", re.ASCII)


class MapError(UsageError):
    """The map cannot be used."""

    todo_en = "correct the map: docs/en/importing.md says what it may hold"
    todo_ko = "맵을 고치십시오: 쓸 수 있는 항목은 docs/ko/importing.md에 있습니다"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class ColumnRule(_Strict):
    """How the values of one column follow from the source's.

    Attributes:
        source: name in the source (``from`` in the map).
        missing: numbers, in the source's unit, that mean missing there.
        factor / offset: value = source × factor + offset.
        decimals: as many as KMA prints; takes away what single precision has added. None = as it is.
        digits: of texts that are codes of so many digits: zeros at the front that a number has lost are put back.
    """

    source: str = Field(alias="from")
    missing: tuple[float, ...] | None = None
    factor: float = 1.0
    offset: float = 0.0
    decimals: int | None = None
    digits: int | None = Field(None, ge=1)


#: A column that is called as ours and says nothing else.
_RULE = ColumnRule.model_validate({"from": ""})


def _named(value: Any) -> Any:
    return {"from": value} if isinstance(value, str) else value


class TableMap(_Strict):
    """One section of a map.

    Attributes:
        name: the dataset's.
        table: name in the database, ``schema.table`` where it is not in the user's own; None for files.
        time: column of the stamp, the end of the period observed; ``time_format`` where it is neither ISO nor digits, ``utc_offset`` of times that
            name none, ``shift_minutes`` from what is written to the end of the period.
        stn: column of the station's number, or the number.
        order: column by which rows came in: of several rows for a cell the last one counts. None: rows that disagree are not read.
        missing / decimals: for all columns that say no other.
        encoding / delimiter: of files; None = UTF-8 or CP949, whichever fits.
        by_name: take also the columns that are called as ours, in any case; where no ``columns`` are given, in any event.
    """

    name: str
    time: str
    stn: str | int
    table: str | None = None
    order: str | None = None
    time_format: str | None = None
    utc_offset: str = Field("+09:00", pattern=_OFFSET.pattern)
    shift_minutes: int = 0
    missing: tuple[float, ...] = ()
    decimals: int | None = None
    encoding: str | None = None
    delimiter: str = Field(",", min_length=1, max_length=1)
    by_name: bool = False
    columns: Mapping[str, Annotated[ColumnRule, BeforeValidator(_named)]] = Field(default_factory=dict)

    @property
    def dataset(self) -> Dataset:
        """Whose rows they are."""
        return DATASETS[self.name]

    @cached_property
    def shift(self) -> timedelta:
        """From a time that names no zone, as it is written, to the stamp in KST."""
        found = _OFFSET.fullmatch(self.utc_offset)
        assert found is not None
        offset = timedelta(hours=int(found[2]), minutes=int(found[3])) * (-1 if found[1] == "-" else 1)
        return timedelta(hours=9, minutes=self.shift_minutes) - offset

    @property
    def sources(self) -> tuple[str, ...]:
        """The source's columns that are read, each once."""
        named = (name for name in (self.time, self.stn) if isinstance(name, str))
        return tuple(dict.fromkeys([*named, *(rule.source for rule in self.columns.values())]))

    def fitted(self, names: Sequence[str], where: str) -> TableMap:
        """The map with the names as the source writes them, and a rule for every column that is read.

        Raises:
            MapError: the source lacks a column that the map names, or has none of the dataset.
        """

        def there(name: str) -> str | None:
            return name if name in names else next((one for one in names if one.lower() == name.lower()), None)

        def found(name: str) -> str:
            if (one := there(name)) is None:
                raise MapError(
                    f"{where} has no column {name}: it has {', '.join(names)}",
                    ko=f"{where}에 {name} 열이 없습니다. 있는 열: {', '.join(names)}",
                )
            return one

        named = {"time": found(self.time), "stn": found(self.stn) if isinstance(self.stn, str) else self.stn}
        # A recipe's older tables may lack what its newer ones have.
        wanted = [(name, rule) for name, rule in self.columns.items() if not self.by_name or there(rule.source)]
        rules = {name: rule.model_copy(update={"source": found(rule.source)}) for name, rule in wanted}
        if self.by_name or not rules:
            same = {column.name: there(column.name) for column in self.dataset.stored if column.name not in rules}
            rules |= {
                name: _RULE.model_copy(update={"source": source}) for name, source in same.items() if source is not None
            }
        if not any(column.name in rules for column in self.dataset.values):
            raise MapError(
                f"{where} has no column that is called as one of {self.name}: it has {', '.join(names)}",
                ko=f"{where}에 {self.name}의 열과 이름이 같은 열이 없습니다. 있는 열: {', '.join(names)}",
            )
        update: dict[str, Any] = {
            **named,
            "order": self.order and found(self.order),
            "columns": {name: self._whole(rule) for name, rule in rules.items()},
        }
        return self.model_copy(update=update)

    def _whole(self, rule: ColumnRule) -> ColumnRule:
        """The rule with what holds for all columns."""
        missing = self.missing if rule.missing is None else rule.missing
        decimals = self.decimals if rule.decimals is None else rule.decimals
        return rule.model_copy(update={"missing": missing, "decimals": decimals})

    def told(self) -> dict[str, Any]:
        """The section again, as :func:`table_map` reads it."""
        return self.model_dump(mode="json", by_alias=True, exclude={"name"}, exclude_defaults=True)


def table_map(name: str, section: object, where: str) -> TableMap:
    """One section.

    Raises:
        MapError: it says something that no map may say, or not enough.
    """
    if name not in DATASETS:
        raise MapError(
            f"{where}: [{name}] is no dataset; datasets: {', '.join(DATASETS)}",
            ko=f"{where}: [{name}]은(는) 자료 이름이 아닙니다. 자료: {', '.join(DATASETS)}",
        )
    try:
        read = TableMap.model_validate({"name": name, **section} if isinstance(section, dict) else section)
    except ValidationError as cause:
        first = cause.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, (name, *first["loc"])))
        raise MapError(
            f"{where}: {place}: {first['msg']}", ko=f"{where}: {place}: 맞지 않는 값입니다({first['type']})"
        ) from None
    known = [column.name for column in DATASETS[name].stored]
    if unknown := [column for column in read.columns if column not in known]:
        raise MapError(
            f"{where}: {name} has no column {unknown[0]}: it has {', '.join(known)}",
            ko=f"{where}: {name}에는 {unknown[0]} 열이 없습니다. 있는 열: {', '.join(known)}",
        )
    return read


def read_maps(path: Path) -> list[TableMap]:
    """Every section of a map file.

    Raises:
        MapError: it is no map.
    """
    try:
        sections = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as cause:
        raise MapError(
            f"{path}: {cause.strerror or cause}", ko=f"{path}: 읽을 수 없습니다({cause.strerror or cause})"
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as cause:
        raise MapError(f"{path}: no TOML: {cause}", ko=f"{path}: TOML이 아닙니다: {cause}") from None
    if not sections:
        raise MapError(f"{path}: no section", ko=f"{path}: 내용이 없습니다")
    return [table_map(name, section, str(path)) for name, section in sections.items()]
