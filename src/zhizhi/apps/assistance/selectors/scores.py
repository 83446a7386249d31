"""Why a household stands where it stands: the parts of its score in words, and the weights as they are declared."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from zhizhi.apps.assistance.schemas import ScoreLine, WeightRow
from zhizhi.apps.assistance.selectors.triage import triage_in_use
from zhizhi.engines.rules.resolution import figure_layer
from zhizhi.engines.screening.ranking import TENTHS
from zhizhi.kernel.messages import render

LANGS = ("zh", "en")


def score_lines(score: Mapping[str, Any], on: date) -> list[ScoreLine]:
    """Return the parts of a score as lines whose points add up to it; what could not be told stands with no points.

    Args:
        score: ``case.card["score"]``, in tenths of points.
        on: the date of the weights: that of the run.
    """
    triage = triage_in_use()
    measures = {measure.id: measure.label for measure in triage.measures}
    signs = {sign.id: sign for sign in triage.signs}
    lines = [_line("score-severity", score["severity"], severity={lang: _severity(score["gravest"], lang) for lang in LANGS})]
    if score["further"]:
        lines.append(_line("score-further", score["further"], n=score.get("reasons", 1) - 1))
    if score["depth"]:
        lines.append(_line("score-depth", score["depth"], measure=measures.get(score["deepest"], {})))
    points = {name: triage.figure(signs[name].points, on) * TENTHS for name in score["signs"] if name in signs}
    if sum(points.values()) == score["vulnerable"]:
        lines += [ScoreLine(signs[name].label, number / TENTHS) for name, number in points.items()]
    elif score["vulnerable"]:
        lines.append(_line("score-vulnerable-most", score["vulnerable"]))
    for name in score["unknown"]:
        label = signs[name].label if name in signs else measures.get(name, {})
        lines.append(_line("score-unknown", 0, what=label))
    return lines


def _line(code: str, tenths: int, **params: Any) -> ScoreLine:
    label = {}
    for lang in LANGS:
        told = {name: value.get(lang, "") if isinstance(value, Mapping) else value for name, value in params.items()}
        label[lang] = render(f"assistance.{code}", lang, told)
    return ScoreLine(label, tenths / TENTHS)


def _severity(name: str, lang: str) -> str:
    return render(f"assistance.severity-{name}", lang, {})


def score_formula(on: date) -> list[WeightRow]:
    """Return every declared weight of the score in force on a date, with its source and status."""
    rows = []
    for name, parameter in triage_in_use().figures.items():
        _, since, value = figure_layer(parameter, on)
        told = parameter.sources.get("", {})
        rows.append(
            WeightRow(
                name,
                {lang: told.get(lang, name) for lang in LANGS},
                int(str(value)),
                str(parameter.type.unit),
                since,
                parameter.source,
                parameter.status,
            )
        )
    return rows
