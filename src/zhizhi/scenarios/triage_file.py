"""``triage.yaml``: what each kind of finding asks for, the weights that order visits, and what an assessment suggests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from hashlib import sha256
from typing import Any

from zhizhi.engines.rules import ir
from zhizhi.engines.rules.checker import Environment, check
from zhizhi.engines.rules.policy import Condition, Policy
from zhizhi.engines.rules.resolution import figure_on
from zhizhi.engines.rules.types import PURE
from zhizhi.engines.rules.vocabulary import Parameter
from zhizhi.engines.screening.ranking import GRAVEST, Weights
from zhizhi.kernel.errors import PackageError, Place
from zhizhi.scenarios.document import Document, read_document, validate
from zhizhi.scenarios.package import Package
from zhizhi.scenarios.policy_file import read_parameters

FILE = "triage.yaml"
VISIT, REVIEW, ASK_OWNER, WATCH = "visit", "review", "ask-owner", "watch"
MOST_POINTS = 100
Words = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Measure:
    """One way of saying how deep a need is: a share of a limit, for some policies and warnings (none named: for all)."""

    id: str
    text: str
    node: ir.Node
    policies: frozenset[str]
    label: Words


@dataclass(frozen=True, slots=True)
class Sign:
    """One sign of vulnerability: a condition on the household, and the parameter that holds its points."""

    id: str
    points: str
    condition: Condition
    label: Words


@dataclass(frozen=True, slots=True)
class Clue:
    """What speaks for a class of aid: an answer of the form of assessment, or a finding of one of these policies."""

    id: str
    group: str
    points: int
    label: Words
    answer: tuple[str, Any] | None = None
    findings: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Triage:
    """A checked ``triage.yaml``. ``figures`` are its dated parameters by name."""

    version: str
    kinds: Mapping[str, str]
    default: str
    severities: Mapping[str, str]
    figures: Mapping[str, Parameter]
    measures: tuple[Measure, ...]
    signs: tuple[Sign, ...]
    clues: tuple[Clue, ...]
    digest: str

    def figure(self, name: str, on: date) -> int:
        """Return a whole-numbered figure in force on ``on``."""
        return int(Fraction(figure_on(self.figures[name], on)))

    def weights(self, on: date) -> Weights:
        """Return the weights of the score in force on ``on``."""
        return Weights(
            severity={name: self.figure(name, on) for name in GRAVEST},
            further=self.figure("further", on),
            further_most=self.figure("further_most", on),
            depth_most=self.figure("depth_most", on),
            vulnerable={sign.id: self.figure(sign.points, on) for sign in self.signs},
            vulnerable_most=self.figure("vulnerable_most", on),
        )

    def severity(self, policy: Policy) -> str:
        """Return how grave a finding of a policy or warning is: high, medium or low."""
        return policy.severity or self.severities.get(policy.id, self.default)

    def cooldown(self, policy: Policy, on: date) -> int:
        """Return the days after a closed case in which a finding of the policy opens no other one."""
        return policy.cooldown_days if policy.kind == "warning" else self.figure("cooldown", on)

    def sign_rules(self) -> list[Policy]:
        """Return the signs as rules that the screening can decide."""
        return [
            Policy(
                id=sign.id,
                kind="sign",
                title=sign.label,
                department="",
                subject="household",
                valid_from=date.min,
                valid_to=None,
                conditions=(sign.condition,),
                amount=None,
                params={},
            )
            for sign in self.signs
        ]


_NEEDED = (*GRAVEST, "further", "further_most", "depth_most", "vulnerable_most", "cooldown", "open_days", "least_decided")


def read_triage(package: Package) -> Triage:
    """Read and check the ``triage.yaml`` of a package.

    Raises:
        PackageError: there is none, or a name, figure or class in it is wrong; PolicyError: an expression is.
    """
    document = read_document(package.folder / FILE, package.folder)
    validate(document, "triage")
    data = document.data
    figures = read_parameters(document, "triage")
    for name in _NEEDED:
        if name not in figures:
            raise PackageError("package.triage-figure", document.place("params"), name=name)
    shared = {name: parameter for (owner, name), parameter in package.figures.items() if not owner}
    env = Environment("household", package.needs.vocabulary, {**shared, **figures})
    for name, policy in package.policies.items():
        if policy.kind == "warning" and policy.merge != "household":
            raise PackageError("package.triage-merge", Place(policy.file), policy=name, merge=policy.merge or "–")
    severity = data["severity"]
    return Triage(
        version=str(data["version"]),
        kinds=data["kinds"],
        default=severity["default"],
        severities=_known(document, package, severity.get("policies") or {}, "severity", "policies"),
        figures=figures,
        measures=tuple(_measure(document, package, env, index, spec) for index, spec in enumerate(data["depth"])),
        signs=tuple(_sign(document, env, figures, index, spec) for index, spec in enumerate(data["vulnerable"])),
        clues=tuple(_clue(document, package, index, spec) for index, spec in enumerate(data.get("assessment") or ())),
        digest=sha256((package.folder / FILE).read_bytes()).hexdigest(),
    )


def _known(document: Document, package: Package, named: Any, *path: str | int) -> Any:
    for name in named:
        if name not in package.policies:
            raise PackageError("package.policy-unknown", document.place(*path), policy=name, known=", ".join(package.policies))
    return named


def _label(spec: Mapping[str, Any]) -> Words:
    return {"zh": spec["zh"], "en": spec["en"]}


def _measure(document: Document, package: Package, env: Environment, index: int, spec: Mapping[str, Any]) -> Measure:
    at = document.place("depth", index, "expr")
    node = check(str(spec["expr"]), env, at, expect="number")
    if node.type.unit != PURE:
        raise PackageError("package.triage-share", at, id=spec["id"], unit=node.type.unit)
    only = _known(document, package, spec.get("for") or (), "depth", index, "for")
    return Measure(spec["id"], str(spec["expr"]), node, frozenset(only), _label(spec))


def _sign(document: Document, env: Environment, figures: Mapping[str, Parameter], index: int, spec: Mapping[str, Any]) -> Sign:
    points = spec["points"]
    if points not in figures:
        raise PackageError("package.triage-figure", document.place("vulnerable", index, "points"), name=points)
    _check_points(document, figures)
    text = str(spec["if"])
    node = check(text, env, document.place("vulnerable", index, "if"), expect="boolean")
    return Sign(spec["id"], points, Condition(spec["id"], text, node, _label(spec)), _label(spec))


def _check_points(document: Document, figures: Mapping[str, Parameter]) -> None:
    """Refuse points that are no whole number from 0 to 100: a weight below nought would put the neediest last."""
    for name, parameter in figures.items():
        if str(parameter.type.unit) != "points":
            continue
        for start, value in parameter.values.items():
            if not isinstance(value, Fraction) or value.denominator != 1 or not 0 <= value <= MOST_POINTS:
                place = document.place("params", name, "values", start)
                raise PackageError("package.triage-points", place, name=name, value=value, most=MOST_POINTS)


def _clue(document: Document, package: Package, index: int, spec: Mapping[str, Any]) -> Clue:
    if spec["class"] not in package.classes:
        place = document.place("assessment", index, "class")
        raise PackageError("package.class-unknown", place, group=spec["class"], known=", ".join(package.classes))
    if ("answer" in spec) == ("findings" in spec):
        raise PackageError("package.triage-clue", document.place("assessment", index), id=spec["id"])
    answer = next(iter((spec.get("answer") or {}).items()), None)
    found = _known(document, package, spec.get("findings") or (), "assessment", index, "findings")
    return Clue(spec["id"], spec["class"], int(spec["points"]), _label(spec), answer, frozenset(found))
