"""``zhizhi sample``: a synthetic region's exports and their right answers, in a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from zhizhi.backends.sample_files import STEPS, write_sample
from zhizhi.cli.language import language
from zhizhi.kernel.errors import ZhizhiError

WORDS = {
    "zh": ("生成合成地区", "已写入 {rows} 行、{files} 个文件到 {out}。全部为合成数据，不对应任何真实的人；正确答案在 truth/。"),
    "en": (
        "Drawing a synthetic region",
        "Wrote {rows} rows in {files} files to {out}. All of it is synthetic; nobody in it exists. "
        "The right answers are in truth/.",
    ),
}


def sample(
    people: Annotated[int, typer.Option(help="人数 / how many people, 1,000 to 12,000,000.")] = 100_000,
    seed: Annotated[int, typer.Option(help="种子：相同种子写出相同字节 / the same seed writes the same bytes.")] = 7,
    out: Annotated[Path, typer.Option(help="文件夹 / folder for the exports.")] = Path("sample"),
    force: Annotated[bool, typer.Option("--force", help="文件夹非空也写入 / write into a folder that is in use.")] = False,
    lang: Annotated[str | None, typer.Option(help="zh | en")] = None,
) -> None:
    """合成杭州的部门数据，附正确答案 / A synthetic Hangzhou: ten departments' exports with the right answers."""
    chosen = language(lang)
    label, done = WORDS[chosen]
    screen = Console(stderr=True)
    try:
        with Progress(
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=screen
        ) as bar:
            task = bar.add_task(label, total=STEPS)
            counted = -1

            def progress(what: str) -> None:
                nonlocal counted
                counted += 1
                bar.update(task, completed=counted, description=f"{label}: {what}")

            rows = write_sample(people, seed, out, force=force, progress=progress)
            bar.update(task, completed=STEPS, description=label)
    except ZhizhiError as error:
        screen.print(error.text(chosen), style="red", markup=False, highlight=False, soft_wrap=True)
        raise typer.Exit(1) from error
    typer.echo(done.format(rows=f"{sum(rows.values()):,}", files=len(rows), out=out))


def register(app: typer.Typer) -> None:
    """Add this verb to ``app``."""
    app.command("sample")(sample)
