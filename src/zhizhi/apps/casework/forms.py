"""A step's form as a page shows it: the workflow's fields with what was typed and what is wrong, in one language."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.http import QueryDict

from zhizhi.engines.workflow.definition import Field, Step
from zhizhi.engines.workflow.forms import Lack


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer that may be picked, and whether it is."""

    id: str
    label: str
    picked: bool


@dataclass(frozen=True, slots=True)
class Question:
    """One field ready for a template. ``when`` is (field, answers) under which alone it is asked; ``error`` stands beside it."""

    id: str
    type: str
    label: str
    help: str
    required: bool
    unit: str
    value: str
    answers: Sequence[Answer]
    least: float | None
    most: float | None
    when: tuple[str, tuple[str, ...]] | None
    error: str


def questions(
    fields: Sequence[Field], lang: str, given: Mapping[str, Any] | None = None, lacks: Sequence[Lack] = ()
) -> list[Question]:
    """Return the fields of a form in ``lang``, with the answers that were given and what each of them lacks.

    Args:
        fields: ``step.form``, or what one way asks.
        lang: ``zh`` or ``en``.
        given: answers as they were typed or kept, so that nothing typed is lost.
        lacks: of the ``FormError`` that came back.
    """
    wrong = {lack.field.id: lack.text(lang) for lack in lacks}
    answers = given or {}
    return [_question(item, lang, answers.get(item.id), wrong.get(item.id, "")) for item in fields]


def answers_of(step: Step, data: QueryDict) -> dict[str, Any]:
    """Return the answers that a page sent for the fields of ``step``; what is no field of it is left aside."""
    found: dict[str, Any] = {}
    for item in step.form:
        if item.id in data:
            several = item.type in ("multi-choice", "file")
            found[item.id] = [one for one in data.getlist(item.id) if one] if several else data.get(item.id, "")
    return found


def _question(item: Field, lang: str, given: Any, error: str) -> Question:
    picked = {str(one) for one in given} if isinstance(given, list) else {_text(given)}
    return Question(
        id=item.id,
        type=item.type,
        label=item.label[lang],
        help=item.help[lang],
        required=item.required,
        unit=item.unit,
        value="" if isinstance(given, list) else _text(given),
        answers=[Answer(choice.id, choice.label[lang], choice.id in picked) for choice in item.choices],
        least=item.least,
        most=item.most,
        when=(item.when.field, item.when.answers) if item.when else None,
        error=error,
    )


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else str(value)
