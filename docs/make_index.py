"""Write docs/README.md, the index, from the pages that are there: ``make docs``."""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
TARGET = HERE / "README.md"
HEAD = """\
# Documentation

Four kinds of page, each for another moment: a **tutorial** takes you by the hand, a **how-to** gets one thing done,
a **reference** states what is so, an **explanation** says why. This index is made from the pages by `make docs`.
"""
KINDS = {"tutorial": "Tutorial", "how-to": "How-to", "reference": "Reference", "explanation": "Explanation"}
WORDS = "## Words\n\n- [Glossary 术语表](glossary.md): one idea, one word, one Chinese term\n"


def title(page: Path) -> str:
    """The first heading of a page."""
    for line in page.read_text(encoding="utf-8").splitlines():
        if line.startswith("# "):
            return line.removeprefix("# ").strip()
    raise SystemExit(f"{page.relative_to(HERE)} has no heading")


def index() -> str:
    """The whole index."""
    parts = [HEAD]
    for folder, heading in KINDS.items():
        pages = sorted((HERE / folder).glob("*.md"))
        if pages:
            lines = [f"- [{title(page)}]({folder}/{page.name})" for page in pages]
            parts.append("\n".join([f"## {heading}", "", *lines]) + "\n")
    return "\n".join([*parts, WORDS])


if __name__ == "__main__":
    TARGET.write_text(index(), encoding="utf-8")
    print("wrote README.md", file=sys.stderr)
