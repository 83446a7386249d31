"""Hold a filled form to its fields: what is missing, what cannot be right, and the values in their types."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from zhizhi.engines.workflow.definition import Field, Step, Transition
from zhizhi.kernel.messages import render

YES = ("yes", "true", "1", "on", "是")
NO = ("no", "false", "0", "off", "否")
LONGEST = {"text": 200, "long-text": 4000}
_NUMBER = re.compile(r"[-+]?\d{1,15}(\.\d{1,6})?$")


@dataclass(frozen=True, slots=True)
class Lack:
    """What is wrong with one answer: the field, a message code and what the message names."""

    field: Field
    code: str
    params: Mapping[str, object]

    def text(self, lang: str) -> str:
        """Return the sentence in ``lang``."""
        return render(self.code, lang, {"label": self.field.label[lang], **self.params})


def asked(step: Step, way: Transition) -> tuple[Field, ...]:
    """Return the fields that a step asks on one way out of it."""
    if way.fields is None:
        return step.form
    return tuple(item for item in step.form if item.id in way.fields)


def read_form(fields: Sequence[Field], answers: Mapping[str, Any]) -> tuple[dict[str, Any], tuple[Lack, ...]]:
    """Return the answers as plain values (text, number as decimal text, bool, ISO date, list of choices) and what is wrong.

    A field whose ``when`` does not hold is neither required nor kept. Answers to questions that are not asked are a lack of
    the form, not dropped in silence: the caller finds them with `strangers`.

    Args:
        fields: the questions, in order; a ``when`` refers to an earlier one.
        answers: by field id: texts as they come from a page, or JSON values as they come from an API.
    """
    values: dict[str, Any] = {}
    lacks: list[Lack] = []
    for item in fields:
        if item.when is not None and not _holds(item, values):
            continue
        raw = answers.get(item.id)
        if isinstance(raw, str):
            raw = raw.strip()
        if raw is None or raw == "" or raw == []:
            if item.required:
                lacks.append(Lack(item, "workflow.field-required", {}))
            continue
        value, lack = _READERS[item.type](item, raw)
        if lack is not None:
            lacks.append(lack)
        else:
            values[item.id] = value
    return values, tuple(lacks)


def strangers(fields: Sequence[Field], answers: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the names among ``answers`` that no field has."""
    known = {item.id for item in fields}
    return tuple(sorted(name for name in answers if name not in known))


def _holds(item: Field, values: Mapping[str, Any]) -> bool:
    assert item.when is not None
    found = values.get(item.when.field)
    given = found if isinstance(found, list) else [found]
    shown = {("yes" if one else "no") if isinstance(one, bool) else one for one in given}
    return any(answer in shown for answer in item.when.answers)


Read = tuple[Any, Lack | None]


def _text(item: Field, raw: Any) -> Read:
    text = str(raw)
    most = int(item.most or LONGEST[item.type])
    if len(text) > most:
        return None, Lack(item, "workflow.field-long", {"count": len(text), "most": most})
    if item.least is not None and len(text) < item.least:
        return None, Lack(item, "workflow.field-short", {"least": int(item.least)})
    return text, None


def _choice(item: Field, raw: Any) -> Read:
    known = [choice.id for choice in item.choices]
    if raw not in known:
        return None, Lack(item, "workflow.field-choice", {"value": str(raw)[:60]})
    return raw, None


def _choices(item: Field, raw: Any) -> Read:
    picked = list(raw) if isinstance(raw, list | tuple) else [raw]
    known = [choice.id for choice in item.choices]
    wrong = [one for one in picked if one not in known]
    if wrong:
        return None, Lack(item, "workflow.field-choice", {"value": str(wrong[0])[:60]})
    return [one for one in known if one in picked], None


def _number(item: Field, raw: Any) -> Read:
    text = str(raw).replace(",", "").replace("，", "").replace("￥", "").replace("¥", "").strip()
    if isinstance(raw, bool) or not _NUMBER.match(text):
        return None, Lack(item, "workflow.field-number", {"value": str(raw)[:60]})
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None, Lack(item, "workflow.field-number", {"value": str(raw)[:60]})
    least = item.least if item.least is not None else (0 if item.type == "money" else None)
    if least is not None and number < Decimal(str(least)):
        return None, Lack(item, "workflow.field-least", {"value": text, "least": _plain(least)})
    if item.most is not None and number > Decimal(str(item.most)):
        return None, Lack(item, "workflow.field-most", {"value": text, "most": _plain(item.most)})
    if item.type == "money" and number != number.quantize(Decimal("0.01")):
        return None, Lack(item, "workflow.field-cents", {"value": text})
    return format(number.normalize() if number else Decimal(0), "f"), None


def _day(item: Field, raw: Any) -> Read:
    if isinstance(raw, date):
        return raw.isoformat(), None
    try:
        day = date.fromisoformat(str(raw))
    except ValueError:
        return None, Lack(item, "workflow.field-date", {"value": str(raw)[:60]})
    if not 1900 <= day.year <= 2200:
        return None, Lack(item, "workflow.field-date", {"value": str(raw)[:60]})
    return day.isoformat(), None


def _yes_no(item: Field, raw: Any) -> Read:
    text = str(raw).lower()
    if text in YES:
        return True, None
    if text in NO:
        return False, None
    return None, Lack(item, "workflow.field-yes-no", {"value": str(raw)[:60]})


def _files(item: Field, raw: Any) -> Read:
    """Files arrive as ids of attachments that are stored already."""
    picked = list(raw) if isinstance(raw, list | tuple) else [raw]
    if not all(str(one).isdigit() and not isinstance(one, bool) for one in picked):
        return None, Lack(item, "workflow.field-file", {})
    return [int(one) for one in picked], None


def _plain(value: float) -> str:
    return str(int(value)) if float(value).is_integer() else str(value)


_READERS = {
    "text": _text,
    "long-text": _text,
    "choice": _choice,
    "multi-choice": _choices,
    "number": _number,
    "money": _number,
    "date": _day,
    "yes-no": _yes_no,
    "file": _files,
}
