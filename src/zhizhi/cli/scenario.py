"""``zhizhi scenario``: check a package, run its tests in sentences, say what changed between two versions."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from zhizhi.backends.package_contracts import contract_faults, contracts_folder
from zhizhi.backends.package_tests import by_plan
from zhizhi.backends.screening import plan_package
from zhizhi.cli.language import language
from zhizhi.cli.scenario_sql import sql
from zhizhi.cli.screen import as_of
from zhizhi.kernel.errors import PolicyError
from zhizhi.scenarios.difference import Change, compare_packages
from zhizhi.scenarios.inspection import inspect
from zhizhi.scenarios.package import Package
from zhizhi.scenarios.shipped import find_package
from zhizhi.scenarios.testing import SentenceTest, Verdict, by_hand, differences, disagreements, read_tests

DirArgument = Annotated[Path, typer.Argument(metavar="DIR", help="Folder of the scenario package.")]
LangOption = Annotated[str | None, typer.Option("--lang", help="zh or en; default: the terminal's.")]

group = typer.Typer(name="scenario", help="Check a scenario package, run its tests, compare two versions.", no_args_is_help=True)
group.command("sql")(sql)


def register(app: typer.Typer) -> None:
    """Add this verb to ``app``."""
    app.add_typer(group)


@group.command("check")
def check(
    folder: DirArgument,
    contracts: Annotated[
        Path | None, typer.Option("--contracts", help="Folder of the contracts; default: in or beside DIR.")
    ] = None,
    lang: LangOption = None,
) -> None:
    """Read the whole package and report every fault with file, line and column."""
    words = WORDS[language(lang)]
    package, faults = inspect(find_package(folder))
    console = Console()
    if package is not None and not faults:
        try:
            plan = plan_package(package, as_of(""))
            plan.tables("duckdb", plan.steps)
        except PolicyError as refused:
            faults = [refused]
    held = contracts or (contracts_folder(package.folder) if package else None)
    if package is not None and held is not None:
        faults = [*faults, *contract_faults(package, held)]
    for fault in faults:
        console.print(fault.text(language(lang)), style="red", markup=False, highlight=False, soft_wrap=True)
    for point in [] if package is None else [point for policy in package.policies.values() for point in policy.open_points]:
        console.print(point.text(language(lang)), style="yellow", markup=False, highlight=False, soft_wrap=True)
    if package is not None:
        _counts(console, package, language(lang), held is not None)
    console.print(words["faults"].format(count=len(faults)) if faults else words["sound"], style="red" if faults else "green")
    if faults:
        raise typer.Exit(1)


def _counts(console: Console, package: Package, tongue: str, contracts: bool) -> None:
    words = WORDS[tongue]
    policies = [policy for policy in package.policies.values() if policy.kind == "policy"]
    warnings = len(package.policies) - len(policies)
    departments = {policy.department for policy in package.policies.values()}
    figures = package.figures.values()
    verified = sum(parameter.status == "verified" for parameter in figures)
    bases = [basis for policy in package.policies.values() for basis in policy.basis]
    read = sum(basis.get("status") == "verified" for basis in bases)
    tests = sum(len(policy.tests) for policy in package.policies.values())
    facts = [
        ("policies", f"{len(policies)}"),
        ("warnings", f"{warnings}"),
        ("departments", f"{len(departments)}"),
        ("variables", str(sum(len(items) for items in package.needs.vocabulary.variables.values()))),
        ("records", str(len(package.needs.vocabulary.records))),
        ("params", words["status"].format(count=len(package.figures), verified=verified, rest=len(package.figures) - verified)),
        ("bases", words["status"].format(count=len(bases), verified=read, rest=len(bases) - read)),
        ("stacking", words["stacked"].format(order=_ordered(package), ceilings=len(package.ceilings))),
        ("overlays", ", ".join(package.overlays) or "–"),
        ("workflows", ", ".join(f"{one.id} ({' → '.join(one.steps)})" for one in package.workflows.values()) or "–"),
        ("calendar", _years(package)),
        ("tests", str(tests)),
        ("untested", ", ".join(name for name, policy in package.policies.items() if not policy.tests) or "–"),
        ("contracts", words["contracts-held" if contracts else "contracts-none"]),
    ]
    table = Table(
        title=escape(f"{package.title[tongue]} · {package.id} {package.version}"), show_header=False, title_justify="left"
    )
    for name, value in facts:
        table.add_row(words[name], escape(value))
    console.print(table)


def _years(package: Package) -> str:
    known = package.calendar.years if package.calendar else {}
    return ", ".join(f"{year} {item.status}" for year, item in sorted(known.items())) or "–"


def _ordered(package: Package) -> str:
    excluding = [name for name in package.order if package.policies[name].excludes]
    return ", ".join(f"{name} ≠ {', '.join(package.policies[name].excludes)}" for name in excluding) or "–"


@group.command("test")
def run_tests(
    folder: DirArgument,
    policy: Annotated[str, typer.Option("--policy", help="Only the tests of this policy.")] = "",
    failing: Annotated[bool, typer.Option("--failing", help="List only the tests that fail.")] = False,
    lang: LangOption = None,
) -> None:
    """Run every test in sentences through the compiled SQL and the independent evaluator; both must say what is expected."""
    tongue = language(lang)
    words = WORDS[tongue]
    package, faults = inspect(find_package(folder))
    console = Console()
    for fault in faults:
        console.print(fault.text(tongue), style="red", markup=False, highlight=False, soft_wrap=True)
    if package is None:
        raise typer.Exit(1)
    tests = [item for item in read_tests(package, lambda _: None) if policy in ("", item.policy.id)]
    with Progress(
        SpinnerColumn(), TextColumn(words["running"]), TimeElapsedColumn(), console=Console(stderr=True), transient=True
    ) as bar:
        bar.add_task("")
        hand = [by_hand(item, package) for item in tests]
        plan = by_plan(tests, package)
    problems = [list(_problems(item, a, b, words)) for item, a, b in zip(tests, hand, plan, strict=True)]
    for name, numbers in groupby(range(len(tests)), key=lambda number: tests[number].policy.id):
        listed = [number for number in numbers if problems[number] or not failing]
        if listed:
            console.print(f"[bold]{escape(package.policies[name].title[tongue])}[/bold] [dim]{escape(name)}[/dim]")
        for number in listed:
            _print_test(console, tests[number], problems[number])
    wrong = sum(bool(found) for found in problems) + len(faults)
    console.print(words["tested"].format(count=len(tests), wrong=wrong), style="red" if wrong else "green", highlight=False)
    if wrong:
        raise typer.Exit(1)


def _problems(test: SentenceTest, hand: Verdict, plan: Verdict, words: dict[str, str]) -> Iterable[str]:
    for who, verdict in (("hand", hand), ("plan", plan)):
        for what, expected, found in differences(test, verdict):
            yield words["differs"].format(who=words[who], what=words[what], expected=expected, found=found)
    for what, one, other in disagreements(hand, plan):
        yield words["disagree"].format(what=words[what], one=one, other=other)


def _print_test(console: Console, test: SentenceTest, problems: list[str]) -> None:
    mark = "[red]✗[/red]" if problems else "[green]✓[/green]"
    console.print(f"  {mark} {escape(test.name)}", highlight=False)
    if problems:
        console.print(f"      [dim]{escape(str(test.place))}[/dim]", highlight=False)
    for problem in problems:
        console.print(f"      {problem}", style="red", markup=False, highlight=False)


@group.command("diff")
def diff(
    old: Annotated[Path, typer.Argument(metavar="OLD", help="Folder of the older package.")],
    new: Annotated[Path, typer.Argument(metavar="NEW", help="Folder of the newer package.")],
    lang: LangOption = None,
) -> None:
    """Say in words what changed: policies, rules, parameters, legal bases, needs, stacking, overlays, tests, wording."""
    words = WORDS[language(lang)]
    changes = compare_packages(find_package(old), find_package(new))
    console = Console()
    for part, group_ in groupby(changes, key=lambda change: change.part):
        listed = list(group_)
        console.print(f"[bold]{words['part-' + part]}[/bold] ({len(listed)})", highlight=False)
        for change in listed:
            console.print(f"  {_sentence(change, words)}", markup=False, highlight=False, soft_wrap=True)
    console.print(words["changes"].format(count=len(changes)) if changes else words["same"], highlight=False)


def _sentence(change: Change, words: dict[str, str]) -> str:
    name = change.file.removesuffix(".yaml").removeprefix("policies/").removesuffix("/overlay")
    where = " · ".join([name, *(words.get(f"key-{part}", part) for part in change.path)])
    return words[change.kind].format(where=where, old=change.old, new=change.new).rstrip("：: ")


WORDS = {
    "zh": {
        "policies": "政策",
        "warnings": "预警",
        "departments": "部门",
        "variables": "变量",
        "records": "记录表",
        "params": "参数",
        "bases": "法律依据",
        "stacking": "叠加与封顶",
        "overlays": "地区覆盖",
        "workflows": "办理流程",
        "calendar": "工作日历",
        "tests": "测试",
        "untested": "没有测试的政策",
        "contracts": "数据合同",
        "contracts-held": "已核对：用到的字段与合同逐一对照",
        "contracts-none": "未核对：没有找到合同",
        "status": "{count} 项，其中已核实 {verified}，示例或未注明 {rest}",
        "stacked": "互斥：{order}；封顶 {ceilings} 项",
        "faults": "共 {count} 处错误。",
        "sound": "没有发现错误。",
        "running": "用两种方式计算每个测试",
        "tested": "{count} 个测试，{wrong} 个不通过。每个测试都经过编译后的 SQL 和独立的逐户计算。",
        "hand": "独立计算",
        "plan": "编译后的 SQL",
        "decision": "结论",
        "amount": "金额",
        "failed": "不成立的条件",
        "missing": "缺少的数据",
        "differs": "{who}：{what}应为 {expected}，实为 {found}",
        "disagree": "两种计算不一致：{what}，独立计算为 {one}，SQL 为 {other}",
        "added": "新增 {where}：{new}",
        "removed": "删除 {where}：{old}",
        "changed": "{where}：{old} → {new}",
        "changes": "共 {count} 处不同。",
        "same": "没有不同。",
        "part-package": "场景包",
        "part-policies": "政策增减",
        "part-rules": "规则",
        "part-parameters": "参数",
        "part-basis": "法律依据",
        "part-needs": "数据需求",
        "part-stacking": "叠加与封顶",
        "part-workflows": "办理流程",
        "part-calendar": "工作日历",
        "part-overlays": "地区覆盖",
        "part-tests": "测试",
        "part-wording": "文字",
        "key-when": "条件",
        "key-params": "参数",
        "key-values": "数值",
        "key-amount": "金额",
        "key-title": "标题",
        "key-basis": "依据",
        "key-tests": "测试",
        "key-derive": "派生值",
        "key-variables": "变量",
        "key-records": "记录表",
        "key-stacking": "叠加",
        "key-order": "顺序",
        "key-ceilings": "封顶",
    },
    "en": {
        "policies": "Policies",
        "warnings": "Warnings",
        "departments": "Departments",
        "variables": "Variables",
        "records": "Record tables",
        "params": "Parameters",
        "bases": "Legal bases",
        "stacking": "Stacking",
        "overlays": "Overlays",
        "workflows": "Workflows",
        "calendar": "Working calendar",
        "tests": "Tests",
        "untested": "Policies without tests",
        "contracts": "Contracts",
        "contracts-held": "checked: every field that is needed stands in a contract",
        "contracts-none": "not checked: no contracts were found",
        "status": "{count}: {verified} verified, {rest} illustrative or not marked",
        "stacked": "not together: {order}; ceilings: {ceilings}",
        "faults": "Faults: {count}.",
        "sound": "No fault was found.",
        "running": "working out every test in two ways",
        "tested": "{count} tests, {wrong} wrong. Each ran through the compiled SQL and through the independent evaluator.",
        "hand": "independent evaluator",
        "plan": "compiled SQL",
        "decision": "decision",
        "amount": "amount",
        "failed": "failed conditions",
        "missing": "missing data",
        "differs": "{who}: the {what} should be {expected}, is {found}",
        "disagree": "the evaluators disagree on the {what}: independent {one}, SQL {other}",
        "added": "new: {where}: {new}",
        "removed": "gone: {where}: {old}",
        "changed": "{where}: {old} → {new}",
        "changes": "{count} differences in all.",
        "same": "No difference.",
        "part-package": "Package",
        "part-policies": "Policies added or removed",
        "part-rules": "Rules",
        "part-parameters": "Parameters",
        "part-basis": "Legal bases",
        "part-needs": "Needs",
        "part-stacking": "Stacking",
        "part-workflows": "Workflows",
        "part-calendar": "Working calendar",
        "part-overlays": "Overlays",
        "part-tests": "Tests",
        "part-wording": "Wording",
        "key-when": "condition",
        "key-params": "parameter",
    },
}
