"""What is committed: no path of somebody's machine, no address of a registry, no large file, no secret."""

from __future__ import annotations

import re

from source_tree import ROOT, tracked_files

# Each pattern is broken by a character class, so that this file does not match itself.
MACHINE_PATHS = re.compile(
    r"/[r]oot/|/[h]ome/\w+/|/[U]sers/\w+/|[A-Z]:\\[U]sers\\|/[w]ork/(main|shared)|/[f]arm/|/[o]pt/(pypi|wheels)"
)
REGISTRIES = re.compile(
    r"[p]ypi\.org|[p]ythonhosted\.org|[r]egistry\.npmjs|[d]eb\.debian\.org|[p]ypi\.tuna|[m]irrors\.aliyun"
    r"|--[i]ndex-url|--[f]ind-links|--[t]rusted-host"
)
SECRETS = re.compile(r"-----BEGIN [A-Z ]*[P]RIVATE KEY-----")
FLAGS_BY_NAME = {"--no-emit-index-url", "--no-emit-find-links"}
BINARY = {".png", ".jpg", ".parquet", ".xlsx", ".gz", ".zip", ".woff2"}
LARGEST = 2_000_000


def lines_matching(pattern: re.Pattern[str]) -> list[str]:
    found = []
    for path in tracked_files():
        if path.suffix in BINARY:
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
            for flag in FLAGS_BY_NAME:
                line = line.replace(flag, "")
            if pattern.search(line):
                found.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()[:120]}")
    return found


def test_no_path_of_a_machine_is_committed() -> None:
    assert lines_matching(MACHINE_PATHS) == []


def test_no_registry_address_is_committed() -> None:
    assert lines_matching(REGISTRIES) == []


def test_no_private_key_is_committed() -> None:
    assert lines_matching(SECRETS) == []
    assert [str(p) for p in tracked_files() if p.suffix in {".key", ".pem"}] == []


def test_nothing_large_is_committed() -> None:
    assert [f"{p.relative_to(ROOT)} {p.stat().st_size}" for p in tracked_files() if p.stat().st_size > LARGEST] == []


def test_every_requirement_is_pinned_with_a_hash() -> None:
    for name in ("requirements.txt", "requirements-dev.txt", "requirements-bench.txt"):
        blocks = re.split(r"\n(?=\S)", (ROOT / name).read_text(encoding="utf-8").strip())
        assert len(blocks) > 20
        assert [b.splitlines()[0] for b in blocks if "==" not in b or "--hash=sha256:" not in b] == []
