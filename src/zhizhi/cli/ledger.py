"""``zhizhi ledger``: export the ledger, verify it, prove what it holds about a case, and check such a proof anywhere.

Checking an export or a receipt needs no installation: only the files and the ledger's public key.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from zhizhi.backends.ledger_folder import LedgerFolder
from zhizhi.cli.desk import start_django
from zhizhi.cli.desk_home import enter, home_path
from zhizhi.cli.init import HomeOption, LangOption
from zhizhi.cli.language import language
from zhizhi.engines.ledger.audit import audit
from zhizhi.engines.ledger.event_receipts import check
from zhizhi.engines.ledger.notes import PublicKey
from zhizhi.engines.ledger.tiles import CHECKPOINT
from zhizhi.kernel.errors import InputError, LedgerError, Place, UsageError, ZhizhiError
from zhizhi.kernel.messages import catalogue, render

VKEY = "ledger.vkey"
KeyOption = Annotated[str, typer.Option("--key", help="The ledger's public key: the line itself, or a file that holds it.")]
WitnessOption = Annotated[list[str] | None, typer.Option("--witness", help="A witness's public key; may be given again.")]


def register(app: typer.Typer) -> None:
    """Add this verb to ``app``."""
    ledger = typer.Typer(no_args_is_help=True, help="The ledger: export it, verify it, prove what it holds.")
    ledger.command("export")(export)
    ledger.command("verify")(verify)
    ledger.command("prove")(prove)
    ledger.command("verify-receipt")(verify_receipt)
    ledger.command("seal")(seal)
    ledger.command("rebuild")(rebuild)
    app.add_typer(ledger, name="ledger")


def export(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="Folder for the copy; what is there already is not written again.")
    ],
    home: HomeOption = None,
    lang: LangOption = None,
) -> None:
    """Copy the ledger into a folder that any web server can serve and any tlog client can verify."""
    point = _desk(home).export(folder)
    _say("ledger.exported", lang, size=point.size, folder=folder, key=folder / VKEY)


def verify(
    folder: Annotated[
        Path | None, typer.Argument(metavar="[DIR]", help="An exported ledger; without it, the home's own.")
    ] = None,
    key: KeyOption = "",
    home: HomeOption = None,
    lang: LangOption = None,
) -> None:
    """Verify every entry and tile against the signed checkpoint; in a home, every event of the journal as well."""
    if folder is None:
        found = _desk(home).verify()
        errors = [LedgerError(finding["code"], **finding["params"]) for finding in found.findings]
        _report(errors, found.found, lang, "ledger.verified-home", size=found.size, events=found.events, seconds=found.seconds)
        return
    if not (folder / CHECKPOINT).is_file():
        raise InputError("ledger.no-checkpoint", Place(str(folder)))
    if not key and not (folder / VKEY).is_file():
        raise UsageError("ledger.which-key", file=folder / VKEY)
    if not key:
        _say("ledger.key-from-export", lang)
    began = time.perf_counter()
    copy, public = LedgerFolder(folder), _key(key or str(folder / VKEY))
    point = copy.checkpoint(public)
    assert point is not None  # the file is there, and was read
    result = audit(copy.read, point.size, point.root)
    seconds = time.perf_counter() - began
    _report(result.findings, result.found, lang, "ledger.verified", size=point.size, origin=point.origin, seconds=seconds)


def prove(
    case: Annotated[str, typer.Argument(metavar="CASE", help="Number of a case, or a subject such as dataset:3.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="File for the receipt (.tlog-proof).")],
    opened: Annotated[
        bool, typer.Option("--open", help="Show whole events: names of officials, pseudonyms of households.")
    ] = False,
    home: HomeOption = None,
    lang: LangOption = None,
) -> None:
    """Write a receipt for everything that the ledger holds about a case."""
    subject = f"case:{case}" if case.isdigit() else case
    if ":" not in subject:
        raise UsageError("ledger.subject", seen=case)
    out.write_bytes(_desk(home).prove(subject, opened))
    _say("ledger.proved", lang, subject=subject, file=out)


def verify_receipt(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A receipt (.tlog-proof).")],
    key: KeyOption = "",
    witness: WitnessOption = None,
    home: HomeOption = None,
    lang: LangOption = None,
) -> None:
    """Check a receipt. Nothing is needed but the file and the ledger's public key; no network, no database."""
    own = home_path(home) / "keys" / VKEY
    if not key and not own.is_file():
        raise UsageError("ledger.which-key", file=own)
    try:
        data = file.read_bytes()
    except OSError as error:
        raise InputError("ledger.unreadable", Place(str(file)), reason=error.strerror or "") from error
    checked = check(data, _key(key or str(own)), [_key(one) for one in witness or []])
    speak = language(lang)
    table = Table(title=render("ledger.receipt-title", speak, {"subject": checked.subject}), title_justify="left")
    for column in ("index", "at", "event", "place", "shown"):
        table.add_column(render(f"ledger.column-{column}", speak, {}), overflow="fold")
    for event in checked.events:
        shown = render("ledger.opened" if event.row else "ledger.closed", speak, {})
        who = f"{shown}\n{event.row['actor']} · {', '.join(event.row['subjects'])}" if event.row else shown
        at = str(event.stated["at"])[:19].replace("T", " ") + "Z"
        table.add_row(str(event.index), at, _label(event.stated["name"], speak), str(event.stated["region"]), who)
    console = Console()
    console.print(table)
    for name, seconds in checked.witnesses.items():
        _say("ledger.cosigned", lang, name=name, at=time.strftime("%Y-%m-%d %H:%MZ", time.gmtime(seconds)))
    point = checked.checkpoint
    _say("ledger.receipt-holds", lang, n=len(checked.events), origin=point.origin, size=point.size, style="green")


def seal(home: HomeOption = None, lang: LangOption = None) -> None:
    """Seal what waits now, without a worker, and ask the witnesses."""
    sealed = _desk(home).seal()
    _say("ledger.sealed", lang, n=sealed.events, size=sealed.size)


def rebuild(home: HomeOption = None, lang: LangOption = None) -> None:
    """Make the lost tail of a ledger folder again from the journal, if the signed root comes out."""
    _say("ledger.rebuilt", lang, n=_desk(home).rebuild())


def _desk(home: Path | None) -> Any:
    enter(home)
    start_django()
    import_module("zhizhi.cli.desk_checks").require_tables()  # these need Django to be set up
    return import_module("zhizhi.cli.desk_ledger")


def _key(given: str) -> PublicKey:
    if "+" in given and not Path(given).is_file():
        return PublicKey.parse(given)
    try:
        return PublicKey.parse(Path(given).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError("ledger.key-unreadable", Place(given)) from error


def _label(name: str, speak: str) -> str:
    code = f"{name.split('.')[0]}.event-{'-'.join(name.split('.')[1:])}"
    return render(code, speak, {}) if code in catalogue() else name


def _say(code: str, lang: str | None, style: str = "", **params: object) -> None:
    text = render(code, language(lang), params)
    Console().print(text, style=style or None, markup=False, highlight=False, soft_wrap=True)


def _report(findings: Sequence[ZhizhiError], found: int, lang: str | None, code: str, **figures: Any) -> None:
    figures["seconds"] = f"{figures['seconds']:.1f}"
    if not found:
        _say(code, lang, style="green", **figures)
        return
    screen = Console(stderr=True)
    for finding in findings:
        screen.print(finding.text(language(lang)), style="red", markup=False, highlight=False, soft_wrap=True)
    verdict = render("ledger.not-sound", language(lang), {"n": found, "size": figures["size"]})
    screen.print(verdict, style="bold red", markup=False, highlight=False, soft_wrap=True)
    sys.exit(1)
