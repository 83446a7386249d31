"""``zhizhi explain``: one household, every policy, every condition: what was found, what was asked, what is missing."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from zhizhi.backends.case_files import FINDINGS, CaseFile, CaseReader
from zhizhi.backends.lake import Lake
from zhizhi.backends.told import Told, tell
from zhizhi.backends.vault import Vault, key_path
from zhizhi.cli.explain_text import ICONS, WORDS, detail, member_name, shown_json
from zhizhi.cli.language import language
from zhizhi.cli.screen import DEFAULT_SCENARIO, KeyOption, LakeOption, LangOption, OnOption, ScenarioOption, as_of, unit_words
from zhizhi.cli.synthetic import synthetic_note
from zhizhi.kernel.errors import NotFoundError, UsageError
from zhizhi.scenarios.package import Package, read_package
from zhizhi.scenarios.shipped import find_package
from zhizhi.scenarios.testing import yuan

DIFFERS = "differs"


def register(app: typer.Typer) -> None:
    """Add this verb to ``app``."""
    app.command("explain")(explain_household)


def explain_household(
    lake: LakeOption,
    household: Annotated[
        str, typer.Option("--household", help="Pseudonym or number of the household, or of a member; numbers need the key.")
    ] = "",
    scenario: ScenarioOption = DEFAULT_SCENARIO,
    on: OnOption = "",
    policy: Annotated[str, typer.Option("--policy", help="Only this policy, in full.")] = "",
    person: Annotated[str, typer.Option("--person", help="Only this member, for policies about a person: place or id.")] = "",
    first: Annotated[
        str,
        typer.Option("--first", help="The first finding of the kept screening: missed, leaking, near-miss, unknown, warning."),
    ] = "",
    everything: Annotated[
        bool, typer.Option("--all", help="Every condition of every policy, also where the answer is no.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, everything in full.")] = False,
    key: KeyOption = None,
    lang: LangOption = None,
) -> None:
    """Explain one household: every condition with what was found, the limit, the gap, the legal basis and what is missing."""
    tongue, day = language(lang), as_of(on)
    if bool(household) == bool(first):
        raise UsageError("usage.which-household")
    package = read_package(find_package(scenario))
    if policy and policy not in package.policies:
        near = get_close_matches(policy, package.policies, n=1, cutoff=0.3)
        raise UsageError("usage.policy", policy=policy, nearest=near[0] if near else ", ".join(package.policies))
    opened = Lake.open(lake)
    clear = any(CaseReader.in_clear(text) and not _place(text) for text in (household, person) if text)
    vault = Vault.open(key_path(lake, key, os.environ)) if clear else None
    with Console(stderr=True).status(WORDS[tongue]["reading"]):
        reader = CaseReader(opened, package, day)
        file, policy, member = _chosen(reader, package, vault, household, first, policy)
        if person:
            member = _member(file, person, vault)
        told = list(tell(reader, package, file, policy, member))
    if as_json:
        print(json.dumps(_json(reader, package, file, told, tongue), ensure_ascii=False, indent=1))
    else:
        _print(reader, package, file, told, tongue, everything or bool(policy))
    if not all(item.agrees for item in told):
        Console(stderr=True).print(WORDS[tongue][DIFFERS], style="bold red")
        raise typer.Exit(1)


def _chosen(
    reader: CaseReader, package: Package, vault: Vault | None, household: str, first: str, policy: str
) -> tuple[CaseFile, str, int | None]:
    """Return the household asked for; with ``first`` also the policy and member of the finding."""
    if not first:
        return reader.read(reader.find(household, vault)), policy, None
    kind = first.replace("-", " ")
    if kind not in FINDINGS:
        raise UsageError("usage.first-kind", value=first, known=", ".join(name.replace(" ", "-") for name in FINDINGS))
    found, level, subject, name = reader.first(kind, policy)
    file = reader.read(found)
    members = [person.pseudonym for person in file.people]
    return file, name, members.index(subject) if level == "person" else None


def _place(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 2


def _member(file: CaseFile, given: str, vault: Vault | None) -> int:
    """Return which member ``--person`` means: her place in the list, her pseudonym, or her id in clear.

    Raises:
        NotFoundError: ``screening.person-unknown``.
    """
    if _place(given) and 1 <= int(given) <= len(file.people):
        return int(given) - 1
    names = {pseudonym for _, pseudonym in CaseReader.pseudonyms(given, vault)}
    for index, person in enumerate(file.people):
        if person.pseudonym in names:
            return index
    raise NotFoundError("screening.person-unknown")


# printing ----------------------------------------------------------------------------------------------------------


def _print(reader: CaseReader, package: Package, file: CaseFile, told: Sequence[Told], tongue: str, full: bool) -> None:
    words, console = WORDS[tongue], Console()
    state = words["kept" if reader.kept else "fresh"]
    console.print(
        f"[bold]{words['household']} {file.household}[/bold] · {words['region']} {file.case.region or '–'} · "
        f"{words['as-of']} {reader.run.on} · {state}",
        highlight=False,
    )
    if reader.run.snapshot.lake.synthetic:
        console.print(synthetic_note(reader.run.snapshot.lake, tongue), style="yellow")
    for place, person in enumerate(file.people):
        console.print(f"  {place + 1}  {escape(member_name(person, tongue))}", highlight=False)
    open_items = [item for item in told if full or item.matters]
    if len(told) > 1:
        shown = [item for item in told if full or item.matters or item.member is None]
        console.print(_summary(package, file, shown, tongue))
    for item in open_items:
        console.print()
        for line in detail(item.explanation, file, item.member, tongue):
            console.print(line, highlight=False, soft_wrap=True)
        for note in _notes(package, item, tongue):
            console.print(f"  {note}", highlight=False, markup=False, soft_wrap=True)
    rest = len(told) - len(open_items)
    if rest:
        console.print(f"\n{words['closed'].format(count=rest)}", style="dim", highlight=False)


def _summary(package: Package, file: CaseFile, told: Sequence[Told], tongue: str) -> Table:
    words = WORDS[tongue]
    table = Table(title=words["summary"], title_justify="left")
    for name in ("policy", "subject", "decision", "payable", "receives", "note"):
        table.add_column(words[name], justify="right" if name in ("payable", "receives") else "left", overflow="fold")
    for item in told:
        said, decided, receipt = item.explanation, item.decided, item.receipt
        unit = unit_words(str(item.policy.amount.unit), tongue) if item.policy.amount else ""
        payable = decided.payable_fen if decided and said.decision == "eligible" else None
        failed = [reason.label[tongue] for reason in said.reasons if reason.result is False]
        lacks = [lack.title[tongue] for reason in said.reasons for lack in reason.lacks] if said.decision == "unknown" else []
        note = words["finding-" + item.finding.replace(" ", "-")] if item.finding and item.finding != "unknown" else ""
        because = words["because"].format(what="；".join(failed) if tongue == "zh" else "; ".join(failed)) if failed else ""
        lacking = words["lacking"].format(what=", ".join(dict.fromkeys(lacks))) if lacks else ""
        table.add_row(
            escape(item.policy.title[tongue]),
            words["whole"]
            if item.member is None
            else f"{item.member + 1} {escape(member_name(file.people[item.member], tongue))}",
            f"{ICONS[said.decision]} {words[said.decision]}",
            f"{yuan(payable)} {unit}" if payable is not None else "",
            "" if receipt is None else yuan(receipt.amount_fen),
            escape(" · ".join(part for part in (note, because, lacking) if part)),
        )
    return table


def _notes(package: Package, item: Told, tongue: str) -> Iterator[str]:
    """Yield what stands beside the decision: payable after stacking and why, what is received now, goods and services."""
    words, decided = WORDS[tongue], item.decided
    if not item.agrees:
        yield words[DIFFERS]
    provides = item.policy.provides
    if item.explanation.decision == "eligible" and provides:
        yield words["provides"].format(item=provides.get("item", provides).get(tongue, ""))
    if decided is not None and decided.amount_fen is not None and decided.decision == "eligible":
        unit = unit_words(str(item.policy.amount.unit), tongue) if item.policy.amount else ""
        yield words["payable-is"].format(amount=yuan(decided.payable_fen), unit=unit)
        if decided.instead and decided.payable_fen != decided.amount_fen:
            names = ", ".join(package.policies[name].title[tongue] for name in decided.instead)
            yield words["instead" if decided.payable_fen == 0 else "instead-open"].format(names=names)
        if decided.ceiling is not None:
            yield words["ceiling"].format(label=decided.ceiling.label.get(tongue) or decided.ceiling.id)
    if item.receipt is not None:
        since = item.receipt.since or "?"
        yield words["receiving"].format(amount=yuan(item.receipt.amount_fen), since=since)
    if item.finding:
        yield words["found"].format(finding=words["finding-" + item.finding.replace(" ", "-")])


def _json(reader: CaseReader, package: Package, file: CaseFile, told: Sequence[Told], tongue: str) -> dict[str, Any]:
    return {
        "household": file.household,
        "region": file.case.region,
        "on": reader.run.on.isoformat(),
        "from": "kept screening" if reader.kept else "lake",
        "snapshot": dict(sorted(reader.run.snapshot.versions.items())),
        "members": [{"place": n + 1, "relation": p.relation, "age": p.age} for n, p in enumerate(file.people)],
        "policies": [
            {
                **shown_json(item.explanation, tongue),
                "subject": item.policy.subject,
                "member": None if item.member is None else item.member + 1,
                "payable": None if item.decided is None or item.decided.payable_fen is None else yuan(item.decided.payable_fen),
                "notes": list(_notes(package, item, tongue)),
                "receives": None if item.receipt is None else yuan(item.receipt.amount_fen),
                "finding": item.finding,
                "agrees": item.agrees,
            }
            for item in told
        ],
    }
