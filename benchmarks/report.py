"""From the figures of ``run.py`` to the claims they are held against and the page that shows them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Claim = tuple[str, str, str, bool]


def summary(results: dict[str, Any]) -> list[Claim]:
    """Return (claim, goal, figure, met) of everything that was measured."""
    claims: list[Claim] = []
    for name, make in (("screening", _screening), ("peers", _peers), ("recall", _recall), ("loading", _loading)):
        if name in results:
            claims += make(results[name])
    return claims


def _at_most(claim: str, limit: float, value: float, unit: str = "s") -> Claim:
    return claim, f"≤ {limit:g} {unit}", f"{value:.3g} {unit}", value <= limit


def _screening(found: dict[str, Any]) -> Iterator[Claim]:
    taken, people = found["seconds"], f"{found['people']:,} people"
    yield _at_most(f"household file of {people} built from departments' tables", 3, taken["household file"])
    what = f"{found['policies']} policies and {found['warnings']} warnings decided in three values with reasons, persisted"
    yield _at_most(what, 3, taken["decide and persist"])
    yield _at_most(f"1 % changed households ({found['touched households']:,}), computed and written", 0.5, taken["increment"])
    at_hand = taken["explanation: one policy, at hand"]
    yield _at_most("one policy of a household explained, fetch included, case files held in memory", 0.05, at_hand)
    yield _at_most("one household explained, every policy and every member, from the kept screening", 0.05, taken["explanation"])
    if "large" in found:
        large = found["large"]
        both = large["seconds"]["household file"] + large["seconds"]["decide and persist"]
        yield _at_most(f"{large['people']:,} people, household file and decisions", 40, both)
        yield _at_most(f"{large['people']:,} people, peak memory of the process", 6, large["peak MiB"] / 1024, "GiB")


def _peers(found: dict[str, Any]) -> Iterator[Claim]:
    engines, people = found["engines"], f"{found['people']:,} people"
    ours = engines["zhizhi"]["seconds"]
    for name, goal in (("openfisca", 3.0), ("zen", 50.0)):
        ratio = engines[name]["seconds"] / ours
        yield f"ten policies, {people}, end to end: times as fast as {TITLES[name]}", f"≥ {goal:g}", f"{ratio:.2f}", ratio >= goal
    for name in ("sql", "full-sql"):
        ratio = ours / engines[name]["seconds"]
        yield f"ten policies, {people}, end to end: time as a multiple of {TITLES[name]}", "≤ 1.5", f"{ratio:.2f}", ratio <= 1.5


def _recall(found: dict[str, Any]) -> Iterator[Claim]:
    rows, decided, findings = found["rows"], found["decisions"], found["findings"]
    for kind in ("missed", "leaking"):
        share = findings[f"{kind} found"] / max(findings[f"{kind} in truth"], 1)
        figure = f"{share:.2%} of {findings[f'{kind} in truth']}, {findings[f'{kind} wrongly']} wrongly"
        yield f"{kind} households and persons found", "100 %", figure, share == 1
    wrong = decided["wrong definite"]
    yield f"wrong verdicts among {decided['definite']:,} definite ones", "0", str(wrong), wrong == 0
    share = rows["bad rows quarantined"] / max(rows["bad rows planted"], 1)
    yield "bad rows quarantined", "100 %", f"{share:.2%} of {rows['bad rows planted']}", share == 1
    lost = rows["good rows lost"] + rows["good rows quarantined"]
    yield f"good rows lost among {rows['good rows written']:,}", "0", str(lost), lost == 0


def _loading(found: dict[str, Any]) -> Iterator[Claim]:
    yield _at_most(f"{found['rows']:,} claims (CSV, {found['rules']} rules) loaded", 20, found["load seconds"])
    rate = found["rows a second and core"]["rules"]
    yield "quality rules, rows a second and core", "≥ 1,000,000", f"{rate:,}", rate >= 1_000_000
    if isinstance(found.get("peers"), dict):
        for name, peer in found["peers"].items():
            figure = (
                f"{'the same' if peer['same bad rows'] else 'others'}, {peer['times slower than the whole load']} times as long"
            )
            yield f"{name} {peer['version']} on the same rules: bad rows found", "the same", figure, peer["same bad rows"]


TITLES = {
    "sql": "hand-written DuckDB SQL",
    "full-sql": "hand-written DuckDB SQL that also gives a third value, bits and missing fields and keeps the files",
    "zhizhi": "zhizhi",
    "openfisca": "OpenFisca-core",
    "python": "a plain Python loop",
    "zen": "zen-engine `evaluate_batch`",
}
NOTE = """\
# Performance

This page is written by `make bench` from `benchmarks/results.json`. Each script in `benchmarks/` measures one claim, all in
one run on the same synthetic data, and checks that the results are the same before a time counts. A goal that is missed is
shown as missed.
"""
HOW = """\
## How it is measured

- The region is synthetic (`benchmarks/region.py`): the sample region's clean facts in Parquet, with pseudonyms as the lake
  has them. Ten million people are ten regions of a million with ten seeds.
- The household file is everything from the departments' tables to one row a person and a household; decisions are the words
  of condition bits, amounts and missing fields of every subject, written to Parquet.
- Reading the package, planning and writing the SQL is done once for a package and a date, and is not in the figures above.
- The increment computes and writes the rows of the changed households and is held against the full run, row by row. Finding
  out which households changed, and merging the rows into the kept files, is not in its figure.
- One explanation is one policy of one household, in a process that explains many and so holds case files in memory
  (`CaseReader.keep`, which takes about as long as a screening). The other is of every policy and warning for the household
  and each member, read from the kept screening's files, as `zhizhi explain` does it.
- Side by side, every engine starts from the same Parquet file of complete facts, one row a person, and ends with a yes or
  no per subject and policy in Arrow. What can be made once (a tax-benefit system, a decision graph, SQL) is made before the
  clock starts. The answers of all engines are the same in every cell. zhizhi's time includes its third value, reasons and
  missing fields, and the person and household files that it keeps; only the second hand-written SQL gives these too.
  OpenFisca and the loops read the Parquet file through DuckDB, and OpenFisca gets whole numbers for ids: its faster way.
- Seconds are medians. The load average says how busy the machine was with other work: much above 0 before a run, other work
  had its share of the machine, and processor seconds tell more. Times of different machines cannot be compared, ratios of one run
  can.
"""


def page(results: dict[str, Any]) -> str:
    """Return the page."""
    parts = [NOTE, _machine(results["machine"])]
    lines = ["| claim | goal | measured | |", "|---|---|---|---|"]
    lines += [
        f"| {claim} | {goal} | {figure} | {'met' if met else '**missed**'} |" for claim, goal, figure, met in summary(results)
    ]
    parts.append("## Claims\n\n" + "\n".join(lines) + "\n")
    if "screening" in results:
        parts.append(_steps(results["screening"]))
    if "peers" in results:
        parts.append(_side_by_side(results["peers"]))
    parts.append(HOW)
    return "\n".join(parts)


def _machine(machine: dict[str, Any]) -> str:
    libraries = ", ".join(f"{name} {release}" for name, release in machine["libraries"].items())
    return (
        f"Machine: {machine['processor']}, {machine['cores']} cores, {machine['memory GiB']} GiB, {machine['system']}, "
        f"Python {machine['python']}.\nVersions: {libraries}.\n"
    )


def _busy(found: dict[str, Any]) -> str:
    busy = found["load average"]
    return f"Measured {found['measured']}; load average {busy['before']} before and {busy['after']} after.\n"


def _steps(found: dict[str, Any]) -> str:
    lines = ["| step | seconds | processor seconds |", "|---|---|---|"]
    lines += [f"| {name} | {taken:g} | {found['processor seconds'].get(name, '')} |" for name, taken in found["seconds"].items()]
    text = f"## Screening, step by step\n\n{_busy(found)}\n" + "\n".join(lines) + "\n"
    if "large" in found:
        large = found["large"]
        lines = ["| step | seconds | processor seconds |", "|---|---|---|"]
        lines += [
            f"| {name} | {taken:g} | {large['processor seconds'].get(name, '')} |" for name, taken in large["seconds"].items()
        ]
        text += (
            f"\n{large['people']:,} people in {large['households']:,} households, DuckDB limited to 5 GB, "
            f"peak {large['peak MiB']:,} MiB:\n\n" + "\n".join(lines) + "\n"
        )
    return text


def _side_by_side(found: dict[str, Any]) -> str:
    lines = [
        "| engine | version | seconds, end to end | as a multiple of zhizhi's | within it | load average |",
        "|---|---|---|---|---|---|",
    ]
    known = {"version", "seconds", "laps", "load average", "times zhizhi's"}
    for name, one in found["engines"].items():
        within = ", ".join(f"{part} {value:.2f} s" for part, value in one.items() if part not in known)
        ratio = format(one["times zhizhi's"], "g")
        lines.append(f"| {TITLES[name]} | {one['version']} | {one['seconds']:.2f} | {ratio} | {within} | {one['load average']} |")
    return f"## Ten policies side by side, {found['people']:,} people\n\n{_busy(found)}\n" + "\n".join(lines) + "\n"
