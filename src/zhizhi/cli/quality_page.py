"""The quality report as one HTML file that needs nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from string import Template

from zhizhi.backends.quality import DatasetReport, Task
from zhizhi.kernel.messages import render

_PAGE = Template("""<!doctype html>
<html lang="$lang"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>$title</title>
<style>
:root{color-scheme:light dark;--line:#8885;--bad:#b3261e;--good:#1b6e3c;--idle:#8a5a00}
@media (prefers-color-scheme:dark){:root{--bad:#ff8a80;--good:#7bd69a;--idle:#ffc566}}
body{font:16px/1.5 system-ui,"PingFang SC","Microsoft YaHei","Noto Sans CJK SC",sans-serif;
margin:2rem auto;max-width:70rem;padding:0 1rem}
table{border-collapse:collapse;width:100%;margin:.5rem 0 1.5rem}caption{text-align:left;font-weight:600}
th,td{border-bottom:1px solid var(--line);padding:.3rem .6rem;text-align:left;vertical-align:top}
.n{text-align:right;font-variant-numeric:tabular-nums}.wide{overflow-x:auto}
.failed{color:var(--bad)}.passed{color:var(--good)}.idle{color:var(--idle)}summary{cursor:pointer;font-weight:600;padding:.4rem 0}
</style></head><body><h1>$title</h1><p>$note</p>
<div class="wide">$summary</div><h2>$todo</h2><div class="wide">$tasks</div><h2>$rules</h2>$details</body></html>
""")
_MARKS = {"passed": ("✓", "passed", "passed"), "failed": ("✗", "failed", "failed"), "not run": ("–", "not-run", "idle")}


def advice(check: str, lang: str) -> str:
    """Return what an owner does about a row that breaks ``check``."""
    text = render(f"quality.fix-{check}", lang, {})
    return render("quality.fix-other", lang, {}) if text.startswith("quality.") else text


def status(state: str, lang: str) -> tuple[str, str]:
    """Return the words and the style of a rule's status: a sign and a word, so that colour is not needed."""
    sign, key, style = _MARKS[state]
    return f"{sign} {render(f'quality.{key}', lang, {})}", style


def page(found: Sequence[DatasetReport], todo: Sequence[Task], lang: str, note: str) -> str:
    """Return the whole page."""

    def say(key: str, **params: object) -> str:
        return escape(render(f"quality.{key}", lang, params))

    summary = _table(
        [say(k) for k in ("dataset", "owner", "files", "read", "good", "bad", "version", "loaded-at", "due")],
        [
            [
                escape(r.contract.title(lang)),
                escape(r.contract.owner(lang)),
                escape("、".join(r.files)),
                f"{r.read:,}",
                f"{r.good:,}",
                f"{r.bad:,}",
                str(r.version),
                f"{r.loaded_at:%Y-%m-%d %H:%M}",
                _due(r, lang),
            ]
            for r in found
        ],
        numbers=(3, 4, 5, 6),
    )
    tasks = (
        _table(
            [say(k) for k in ("owner", "dataset", "rule", "rows", "first", "what")],
            [
                [
                    escape(t.owner.name(lang)),
                    escape(t.contract.title(lang)),
                    escape(t.titles.get(lang) or t.rule),
                    f"{t.rows:,}",
                    escape(t.first),
                    escape(advice(t.check, lang)),
                ]
                for t in todo
            ],
            numbers=(3,),
        )
        if todo
        else f"<p>{say('nothing')}</p>"
    )
    details = "".join(_details(report, lang) for report in found)
    return _PAGE.substitute(
        lang="zh-Hans" if lang == "zh" else "en",
        title=say("title"),
        note=escape(note),
        summary=summary,
        todo=say("todo"),
        tasks=tasks,
        rules=say("rules"),
        details=details,
    )


def _due(report: DatasetReport, lang: str) -> str:
    if report.due is None:
        return "–"
    state = render("quality.overdue" if report.overdue else "quality.fresh", lang, {})
    return f"{report.due:%Y-%m-%d} {escape(state)}"


def _details(report: DatasetReport, lang: str) -> str:
    rows = []
    for rule in report.rules:
        words, style = status(rule.status, lang)
        notes = [render("quality.against", lang, {"target": rule.against})] if rule.against else []
        notes += [render("quality.outdated", lang, {})] if rule.outdated else []
        notes += [render("quality.warning", lang, {})] if rule.severity == "warning" else []
        cells = [
            escape(rule.title(lang)),
            f'<span class="{style}">{escape(words)}</span>',
            f"{rule.rows:,}",
            escape("; ".join(notes)),
        ]
        rows.append(cells)
    head = [escape(render(f"quality.{key}", lang, {})) for key in ("rule", "status", "rows")] + [""]
    summary = f"<summary>{escape(report.contract.title(lang))}</summary>"
    return f"<details>{summary}<div class='wide'>{_table(head, rows, (2,))}</div></details>"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], numbers: Sequence[int] = ()) -> str:
    def row(cells: Sequence[str], tag: str) -> str:
        parts = (f"<{tag}{' class=n' if i in numbers else ''}>{cell}</{tag}>" for i, cell in enumerate(cells))
        return f"<tr>{''.join(parts)}</tr>"

    body = "".join(row(cells, "td") for cells in rows)
    return f"<table><thead>{row(head, 'th')}</thead><tbody>{body}</tbody></table>"
