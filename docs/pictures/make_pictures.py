"""Draw the documentation's terminal pictures from what the command really prints: ``make pictures``, after ``make demo``."""

from __future__ import annotations

import html
import io
import os
import re
import shlex
import subprocess
import sys
from itertools import groupby
from pathlib import Path

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.cells import cell_len
from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
WIDTH = 118
HEAD, TAIL = 30, 18  # a long table is shown by its beginning and its end
TASK = "--scenario scenarios/social-assistance --lake demo/lake --on 2025-09-01"
PICTURES = {
    "findings.svg": ("en", f"zhizhi screen {TASK} --out demo/findings"),
    "findings.zh.svg": ("zh", f"zhizhi screen {TASK} --out demo/findings"),
    "explanation.svg": ("en", f"zhizhi explain {TASK} --first missed"),
    "explanation.zh.svg": ("zh", f"zhizhi explain {TASK} --first missed"),
}
# Nothing is fetched when a picture is looked at: the reader's own monospaced fonts are used.
FORMAT = (
    re.sub(r"@font-face \{\{.*?\}\}\s*", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)
    .replace("font-variant-east-asian: full-width;", "font-variant-ligatures: none;")
    .replace("Fira Code, monospace", "'Cascadia Mono', Menlo, Consolas, 'DejaVu Sans Mono', 'Noto Sans Mono CJK SC', monospace")
)
CELL = 12.2  # rich draws a cell 12.2 units wide
SPAN = re.compile(r'<text class="([^"]*)" x="([0-9.]+)" y="([0-9.]+)" textLength="[0-9.]+" clip-path="([^"]*)">([^<]*)</text>')


def kind(character: str) -> tuple[int, bool, bool]:
    """What is drawn in one piece: cells a character, drawing lines or not, blank or not."""
    return cell_len(character), "\u2500" <= character <= "\u257f", character in " \xa0"


def on_the_grid(svg: str) -> str:
    """Put every word on the cell where it belongs: rich counts a wide character as one cell when it draws."""

    def runs(found: re.Match[str]) -> str:
        style, x, y, clip, text = found.groups()
        at, parts = float(x), []
        for (width, _, blank), run in groupby(html.unescape(text), key=kind):
            piece = "".join(run)
            length = CELL * width * len(piece)
            if not blank:
                place = f'x="{at:.1f}" y="{y}" textLength="{length:.1f}"'
                parts.append(f'<text class="{style}" {place} clip-path="{clip}">{html.escape(piece)}</text>')
            at += length
        return "".join(parts)

    return SPAN.sub(runs, svg)


def printed(command: str, lang: str) -> str:
    """What the command prints, with colours, in ``lang``."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    env = os.environ | {"PATH": path, "ZHIZHI_LANG": lang, "FORCE_COLOR": "1", "COLUMNS": str(WIDTH), "TERM": "xterm-256color"}
    done = subprocess.run(shlex.split(command), cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{command}\n{done.stderr}")
    lines = done.stdout.rstrip().splitlines()
    if len(lines) > HEAD + TAIL:
        lines = [*lines[:HEAD], "\x1b[2m  …\x1b[0m", *lines[-TAIL:]]
    return "\n".join(lines)


def draw(name: str, lang: str, command: str) -> None:
    """Write one picture."""
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    console.print(Text(f"$ {command}", style="bold cyan"), soft_wrap=False)
    console.print(Text.from_ansi(printed(command, lang)))
    svg = console.export_svg(
        title="zhizhi · synthetic data 合成数据", theme=MONOKAI, code_format=FORMAT, unique_id=name.split(".")[0]
    )
    (HERE / name).write_text(on_the_grid(svg), encoding="utf-8")
    print(f"wrote docs/pictures/{name}", file=sys.stderr)


if __name__ == "__main__":
    for name, (lang, command) in PICTURES.items():
        if len(sys.argv) == 1 or name in sys.argv[1:]:
            draw(name, lang, command)
