"""Charts as tables: what a page shows as a picture is drawn from the table behind it, so that the two cannot differ."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import floor, log10

Value = int | float | None
FEWEST, MOST = 5, 7
"""Classes of a map; fewer only where the values are nearly the same."""
ROUND = (1, 1.5, 2, 2.5, 3, 4, 5, 7.5)


@dataclass(frozen=True, slots=True)
class Series:
    """One row of values over the categories of a chart: None where nothing is known.

    ``low`` and ``high`` are the ends of each value's interval; ``tone`` is a status (urgent, attention, done, unknown, neutral)
    where the colour should say it.
    """

    label: str
    values: Sequence[Value]
    unit: str = ""
    low: Sequence[Value] = ()
    high: Sequence[Value] = ()
    tone: str = ""


@dataclass(frozen=True, slots=True)
class Cell:
    """One value of the table: with its interval where it has one, and its class (1-7) on a map."""

    value: Value
    low: Value = None
    high: Value = None
    tone: int = 0


@dataclass(frozen=True, slots=True)
class Row:
    """One category: its name, region code, the page of the rows behind it, and a cell a series."""

    name: str
    code: str
    href: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Band:
    """One class of a map: from (included) and to (left out, but for the last class)."""

    number: int
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Chart:
    """A figure of a page: a title that states the finding, the picture, its table, source and date.

    ``kind`` is line, bars (ranked, horizontal), columns (bands, histograms) or map. ``categories`` name the rows, ``heading``
    their column; ``hrefs`` lead to the rows behind each; ``codes`` are region codes (a map joins on them); ``borders`` is the
    address of a map's GeoJSON and ``map_source`` the line that says whose borders they are. ``picture`` is "", "s" or "l".
    """

    key: str
    kind: str
    title: str
    heading: str
    categories: Sequence[str]
    series: tuple[Series, ...]
    source: str = ""
    as_of: str = ""
    note: str = ""
    hrefs: Sequence[str] = ()
    codes: Sequence[str] = ()
    stacked: bool = False
    picture: str = ""
    borders: str = ""
    map_source: str = ""

    def __post_init__(self) -> None:
        columns: list[tuple[str, Sequence[object]]] = [(s.label, s.values) for s in self.series]
        columns += [(name, given) for name, given in (("hrefs", self.hrefs), ("codes", self.codes)) if given]
        columns += [(s.label, given) for s in self.series for given in (s.low, s.high) if given]
        for name, given in columns:
            if len(given) != len(self.categories):
                raise ValueError(f"chart {self.key}: {name} has {len(given)} values for {len(self.categories)} categories")

    @property
    def has_picture(self) -> bool:
        """Whether there is anything to draw: nothing but noughts and gaps is said in words."""
        return any(value for series in self.series for value in series.values)

    @property
    def bands(self) -> tuple[Band, ...]:
        """The classes of a map; none for other kinds."""
        if self.kind != "map":
            return ()
        borders = class_borders([value for value in self.series[0].values if value is not None])
        return tuple(Band(n, low, high) for n, (low, high) in enumerate(pairwise(borders), start=1))

    @property
    def rows(self) -> Iterator[Row]:
        """The table, row by row."""
        bands = self.bands
        for i, name in enumerate(self.categories):
            cells = tuple(_cell(series, i, bands) for series in self.series)
            yield Row(name, self.codes[i] if self.codes else "", self.hrefs[i] if self.hrefs else "", cells)


def _cell(series: Series, i: int, bands: Sequence[Band]) -> Cell:
    value = series.values[i]
    low, high = (series.low[i], series.high[i]) if series.low and series.high else (None, None)
    return Cell(value, low, high, class_of(value, bands))


def class_of(value: Value, bands: Sequence[Band]) -> int:
    """Return the number of the class that ``value`` falls in, 0 for none."""
    if value is None or not bands:
        return 0
    return next((band.number for band in bands if value < band.high), bands[-1].number)


def class_borders(values: Sequence[int | float]) -> list[float]:
    """Return the borders of five to seven classes of equal width, at round numbers, that hold all values.

    Equal widths, not equal counts: the same step of colour always means the same distance.

    >>> class_borders([3, 9, 12, 41])
    [0.0, 7.5, 15.0, 22.5, 30.0, 37.5, 45.0]
    >>> class_borders([])
    []
    """
    if not values:
        return []
    bottom, top = float(min(values)), float(max(values))
    if 0 <= bottom <= (top - bottom) / 2:
        bottom = 0.0
    exact = (top - bottom) / FEWEST or abs(top) / FEWEST or 1.0
    size = 10.0 ** floor(log10(exact))
    steps = [round(size * power * factor, 10) for power in (1, 10) for factor in ROUND]
    start = max(i for i, step in enumerate(steps) if step <= exact * (1 + 1e-9))
    return next(borders for step in steps[start:] if len(borders := _borders(bottom, top, step)) <= MOST + 1)


def _borders(bottom: float, top: float, step: float) -> list[float]:
    borders = [round(bottom // step * step, 10)]
    while borders[-1] <= top:
        borders.append(round(borders[-1] + step, 10))
    return borders
