"""Every error has its sentence in both languages, and every sentence its error."""

from __future__ import annotations

import ast
import re
import string
from collections.abc import Iterator

import pytest
import yaml
from source_tree import ROOT, SOURCE, Module, dotted, modules, tracked_files

from zhizhi.kernel.messages import LANGUAGES, catalogue

CODE = re.compile(r"[a-z][a-z0-9_]*\.[a-z][a-zA-Z0-9_-]*")
IN_TEMPLATE = re.compile(r"""["']([a-z][a-z0-9_]*\.[a-z][a-zA-Z0-9_-]*)["']""")
EVENT = re.compile(r"[a-z]+(\.[a-z][a-z-]*){2,}")
MAY_BE_EMPTY = ("-unit", "-one", "-once")  # a measure word that the other language does not have
FILE_SUFFIXES = {"yaml", "yml", "toml", "json", "csv", "html", "xlsx", "parquet", "lark", "md", "key"}


def in_either_language(names: set[str]) -> set[str]:
    """``title_zh`` in Chinese and ``title_en`` in English are one idea."""
    return {re.sub(r"_(zh|en)$", "", name) for name in names}


def placeholders(template: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(template) if name is not None}


def error_classes() -> set[str]:
    """Names of ``ZhizhiError`` and of every class of the package that descends from it."""
    known = {"ZhizhiError"}
    parents = {
        node.name: {dotted(base).rsplit(".", 1)[-1] for base in node.bases}
        for module in modules()
        for node in ast.walk(module.tree)
        if isinstance(node, ast.ClassDef)
    }
    while True:
        grown = known | {name for name, bases in parents.items() if bases & known}
        if grown == known:
            return known
        known = grown


def literal_code(node: ast.Call) -> str | None:
    """The code that a call names first, if it is one."""
    first = node.args[0] if node.args else None
    if isinstance(first, ast.Constant) and isinstance(first.value, str) and CODE.fullmatch(first.value):
        return first.value if first.value.split(".")[1] not in FILE_SUFFIXES else None
    return None


def raised() -> Iterator[tuple[Module, ast.Call, str, set[str]]]:
    """Every call that names a code of a family: (module, call, code, what a helper between adds by itself).

    A family is called directly, or through a function of the module that passes the code on.
    """
    classes = error_classes()
    families = {code.split(".")[0] for code in catalogue()}
    for module in modules():
        calls = [node for node in ast.walk(module.tree) if isinstance(node, ast.Call)]
        direct = [node for node in calls if dotted(node.func).rsplit(".", 1)[-1] in classes]
        added = {k.arg for node in direct if literal_code(node) is None for k in node.keywords if k.arg}
        for node in calls:
            code = literal_code(node) if dotted(node.func).rsplit(".", 1)[-1] not in {"path", "declare", "event"} else None
            if code is not None and node in direct:
                yield module, node, code, set()
            elif code is not None and code.split(".")[0] in families:
                yield module, node, code, added


def texts_in_source() -> set[str]:
    """Every string literal of the package, docstrings too; of an f-string, its head."""
    found = set()
    for module in modules():
        for node in ast.walk(module.tree):
            if isinstance(node, ast.JoinedStr) and node.values and isinstance(node.values[0], ast.Constant):
                found.add(str(node.values[0].value) + "*")
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.add(node.value)
                if EVENT.fullmatch(node.value):  # an event's label is named after it
                    app, rest = node.value.split(".", 1)
                    found.add(f"{app}.event-{rest.replace('.', '-')}")
    for path in SOURCE.rglob("*.html"):
        for code in IN_TEMPLATE.findall(path.read_text(encoding="utf-8")):
            found.add(code + "*" if code.endswith("-") else code)
    return found


def test_every_sentence_exists_in_both_languages_with_the_same_placeholders() -> None:
    wrong = []
    for code, texts in catalogue().items():
        blank = not all(str(t).strip() for t in texts.values())
        if set(texts) != set(LANGUAGES) or (blank and not code.endswith(MAY_BE_EMPTY)):
            wrong.append(f"{code}: {sorted(texts)}")
        elif in_either_language(placeholders(texts["zh"])) != in_either_language(placeholders(texts["en"])):
            wrong.append(f"{code}: {placeholders(texts['zh'])} in zh, {placeholders(texts['en'])} in en")
    assert not wrong, "\n".join(wrong)


def test_every_code_is_written_as_codes_are() -> None:
    assert [code for code in catalogue() if not CODE.fullmatch(code)] == []


def test_every_error_that_is_raised_has_its_sentence_and_all_that_the_sentence_names() -> None:
    wrong = []
    for module, node, code, added in raised():
        if any(keyword.arg == "code" for keyword in node.keywords):
            wrong.append(f"{module.at(node)} {code} gives a parameter named code, which is taken")
        if code not in catalogue():
            wrong.append(f"{module.at(node)} raises {code}, which has no sentence")
        elif all(keyword.arg for keyword in node.keywords):
            given = {keyword.arg for keyword in node.keywords} | added
            missing = placeholders(catalogue()[code]["en"]) - given
            if missing and not any(
                isinstance(argument, ast.Dict | ast.Name | ast.Attribute | ast.Call) for argument in node.args[1:]
            ):
                wrong.append(f"{module.at(node)} {code} lacks {sorted(missing)}")
    assert not wrong, "\n".join(wrong)


def test_no_placeholder_has_the_name_of_an_argument_that_every_error_takes() -> None:
    classes = error_classes()
    errors = {code for _, node, code, _ in raised() if dotted(node.func).rsplit(".", 1)[-1] in classes}
    taken = {code: {"code", "self", "place"} if code in errors else {"code", "self"} for code in catalogue()}
    assert [code for code, texts in catalogue().items() if placeholders(texts["en"]) & taken[code]] == []


def test_no_sentence_is_left_that_nobody_uses() -> None:
    used = texts_in_source()
    heads = [text.removesuffix("*") for text in used if text.endswith("*") and "." in text]
    unused = [c for c in catalogue() if c not in used and not any(c.startswith(head) for head in heads)]
    assert not unused, "\n".join(unused)


def bilingual_gaps(node: object, where: str) -> Iterator[str]:
    """Places where a mapping speaks one language only."""
    if isinstance(node, dict):
        spoken = {lang for lang in LANGUAGES if lang in node}
        if len(spoken) == 1 or any(node[lang] in (None, "") for lang in spoken):
            yield where
        for key, value in node.items():
            yield from bilingual_gaps(value, f"{where}/{key}")
    elif isinstance(node, list):
        for number, value in enumerate(node):
            yield from bilingual_gaps(value, f"{where}[{number}]")


@pytest.mark.parametrize("folder", ["scenarios", "examples", "src"])
def test_every_title_of_the_shipped_data_is_bilingual(folder: str) -> None:
    gaps: list[str] = []
    for path in tracked_files():
        if path.suffix in {".yaml", ".yml"} and path.is_relative_to(ROOT / folder):
            for document in yaml.safe_load_all(path.read_text(encoding="utf-8")):
                gaps += bilingual_gaps(document, str(path.relative_to(ROOT)))
    assert not gaps, "\n".join(gaps)
