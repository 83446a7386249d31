"""Write the made parts of docs/reference/policy-language.md from the program: ``make docs``."""

from __future__ import annotations

import re
import sys
from datetime import date
from fractions import Fraction
from pathlib import Path

from zhizhi.engines.rules import parser
from zhizhi.engines.rules.checker import AGGREGATES, FUNCTIONS, Environment, check
from zhizhi.engines.rules.decision_table import HITS, MAX_ROWS
from zhizhi.engines.rules.evaluator import Case, Evaluation
from zhizhi.engines.rules.types import BOOLEAN, DATE, Type, number
from zhizhi.engines.rules.vocabulary import Parameter, RecordTable, Variable, Vocabulary
from zhizhi.engines.rules.wording import result_text
from zhizhi.kernel.messages import catalogue

TARGET = Path(__file__).resolve().parent / "policy-language.md"
MARK = re.compile(r"(<!-- made: ([a-z]+) -->\n).*?(<!-- end -->)", re.DOTALL)
ON = date(2025, 8, 1)

TYPES = {
    "person": {
        "wage": number("CNY/month"),
        "birth_date": DATE,
        "sex": Type("code", codes=("male", "female")),
        "disabled": BOOLEAN,
    },
    "household": {"assets": number("CNY"), "rooms": number("rooms"), "moved_in": DATE},
    "claims": {"self_paid": number("CNY"), "settled_on": DATE},
}
VARIABLES = {
    entity: {name: Variable(name, entity, kind, {"zh": name, "en": name}) for name, kind in types.items()}
    for entity, types in TYPES.items()
}
VOCABULARY = Vocabulary(
    {entity: VARIABLES[entity] for entity in ("person", "household")},
    {"claims": RecordTable("claims", "person", "claims", "settled_on", VARIABLES["claims"], {"zh": "结算", "en": "claims"})},
)
LINE = Parameter("line", "", number("CNY/month"), {"2024-07-01": Fraction(1000), "2025-07-01": Fraction(1200)})
CLAIMS = [{"settled_on": date(2024, 8, 1), "self_paid": 400}, {"settled_on": date(2025, 3, 1), "self_paid": 650}]
CASE = Case(
    {"assets": 3000, "rooms": None, "moved_in": date(2004, 2, 29)},
    [
        {"wage": 800, "birth_date": date(1960, 8, 1), "sex": "male", "disabled": False, "claims": CLAIMS},
        {"wage": None, "birth_date": date(1960, 8, 2), "sex": "female", "disabled": None},
    ],
)
EXAMPLES = [
    "assets / count(members)",
    "param.line * count(members)",
    "sum(members.wage)",
    'sum(members.wage where sex = "male")',
    "any(members.wage > 700)",
    "any(members.wage > 900)",
    "all(members.wage > 900)",
    "rooms = rooms",
    "rooms in (1, 2) or assets <= 3000",
    "rooms in (1, 2) and assets > 3000",
    "assets in [3000..5000)",
    "assets between 1000 and 2000",
    "assets / 0 > 1",
    "count(members where age(birth_date) >= 65)",
    "sum(claims.self_paid over 12 months)",
    "sum(claims.self_paid)",
    "if assets > 1000 then 50 else 100",
    "known(rooms)",
]
CALLS = {
    "age": ("age(moved_in)", "completed years from a date to the as-of date"),
    "abs": ("abs(2 - 5)", "the number without its sign"),
    "days_since": ("days_since(moved_in)", "days from a date to the as-of date; negative if it lies ahead"),
    "known": ("known(rooms)", "whether a value is there; itself never unknown"),
    "months_between": ('months_between(moved_in, @"2004-03-28")', "completed months from the first date to the second"),
    "years_between": ('years_between(moved_in, @"2025-02-28")', "completed years from the first date to the second"),
    "round": ("round(assets / 7, 2)", "to the given number of decimals (0 if not given), halves away from zero"),
    "min": ("min(assets, 500, 700)", "the least of several numbers"),
    "max": ("max(assets, 500, 700)", "the greatest of several numbers"),
}

HIT_WORDS = {
    "unique": "rows may not overlap; that they do is an error when the package is loaded, gaps are a warning",
    "first": "the first row that matches",
    "any": "rows may overlap if their outputs agree",
    "collect sum": "the sum of the outputs of all rows that match",
    "collect min": "the least output; outputs are written numbers",
    "collect max": "the greatest output; outputs are written numbers",
    "collect count": "how many rows match",
}


def answer(text: str) -> str:
    """What an expression yields for the example household, with its unit."""
    node = check(text, Environment("household", VOCABULARY, {"line": LINE}))
    result = Evaluation(CASE, ON, VOCABULARY, {("", "line"): LINE}).of(node)
    return {"yes": "true", "no": "false"}.get(found := result_text(result, node.type, "en"), found)


def examples() -> str:
    facts = (
        f"A household on {ON}: assets 3,000 CNY, `rooms` missing; a man of 65 with a wage of 800, treated for 400 CNY on\n"
        "2024-08-01 and 650 CNY on 2025-03-01, and a woman of 64 whose wage is missing.\n"
        "`param.line` is 1,000 CNY/month, and 1,200 from 2025-07-01 on.\n\n"
    )
    return facts + table(("expression", "result"), [(f"`{text}`", answer(text)) for text in EXAMPLES])


def functions() -> str:
    names = [*(name for name in FUNCTIONS if name != "decision"), "round", "min", "max"]
    rows = [(f"`{CALLS[name][0]}`", CALLS[name][1], answer(CALLS[name][0])) for name in names]
    return table(("function", "yields", "in the example"), rows)


def tables() -> str:
    return table(("hit policy", "result"), [(f"`{hit}`", HIT_WORDS[hit]) for hit in HITS])


def limits() -> str:
    return table(
        ("limit", "at most"),
        [
            ("characters of an expression", f"{parser.MAX_LENGTH:,}"),
            ("levels of parentheses", str(parser.MAX_DEPTH)),
            ("levels of operators and functions", str(parser.MAX_TREE)),
            ("rows of a decision table", str(MAX_ROWS)),
        ],
    )


def grammar() -> str:
    return f"```text\n{parser.grammar_text().strip()}\n```\n\nAggregates: {', '.join(f'`{name}`' for name in AGGREGATES)}.\n"


def errors() -> str:
    family = [(code, texts) for code, texts in catalogue().items() if code.startswith("rules.")]
    return table(("code", "English", "中文"), [(f"`{code}`", cell(texts["en"]), cell(texts["zh"])) for code, texts in family])


def cell(text: str) -> str:
    return re.sub(r"\{(\w+)\}", r"*\1*", text).replace("|", r"\|")


def table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines).replace("| ---", "|---").replace("--- |", "---|") + "\n"


def page() -> str:
    """The page with its made parts as the program would write them now."""
    makers = {maker.__name__: maker for maker in (examples, functions, tables, limits, grammar, errors)}
    return MARK.sub(lambda found: found[1] + makers[found[2]]() + found[3], TARGET.read_text(encoding="utf-8"))


if __name__ == "__main__":
    TARGET.write_text(page(), encoding="utf-8")
    print(f"wrote {TARGET.name}", file=sys.stderr)
