"""Measure every claim and write ``docs/reference/performance.md`` and ``benchmarks/results.json``: ``make bench``.

Run: ``python benchmarks/run.py [--quick] [--only NAME ...] [--work DIR] [--times N]``. ``--quick`` takes a tenth of the
people, prints the table and writes nothing. ``--only`` measures some again and keeps the other results. The peers get a
Python environment of their own below ``--work``, made from ``requirements-bench.txt``.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import venv
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.status import Status

from report import page, summary  # isort: skip

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
RESULTS = HERE / "results.json"
PAGE = ROOT / "docs" / "reference" / "performance.md"
LIBRARIES = ("zhizhi", "duckdb", "pyarrow", "ibis-framework", "deltalake", "numpy")
NAMES = ("screening", "peers", "recall", "loading")


def peers_python(work: Path) -> Path:
    """Return the Python that has the peers; make it where it is missing."""
    folder = work / "peers-python"
    python, done = folder / "bin" / "python", folder / "complete"
    wanted = (ROOT / "requirements-bench.txt").read_text(encoding="utf-8")
    if not done.exists() or done.read_text(encoding="utf-8") != wanted:
        venv.create(folder, with_pip=True)
        install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes"]
        subprocess.run([*install, "-r", ROOT / "requirements-bench.txt"], check=True)
        done.write_text(wanted, encoding="utf-8")
    return python


def machine() -> dict[str, Any]:
    """Return what the figures depend on; nothing that names the machine."""
    model = platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        model = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), model)
    except OSError:
        pass
    try:
        system = platform.freedesktop_os_release().get("PRETTY_NAME", platform.system())
    except OSError:
        system = platform.system()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "processor": model,
        "cores": os.cpu_count(),
        "memory GiB": round(memory),
        "system": f"{system}, Linux {platform.release().split('-')[0]}" if platform.system() == "Linux" else system,
        "python": platform.python_version(),
        "libraries": {name: version(name) for name in LIBRARIES},
    }


def arguments(name: str, quick: bool, times: int, work: Path, python: Path | str) -> list[str]:
    """Return the arguments of one script."""
    people = "100000" if quick else "1000000"
    return {
        "screening": [
            "--work",
            str(work),
            "--people",
            people,
            "--times",
            str(times),
            *([] if quick else ["--large", "10000000"]),
        ],
        "peers": ["--work", str(work), "--people", people, "--times", str(times), "--peers-python", str(python)],
        "recall": ["--work", str(work), "--people", "10000" if quick else "100000"],
        "loading": ["--rows", people, "--peer-rows", "10000" if quick else "100000", "--peers-python", str(python)],
    }[name]


def measured(name: str, options: list[str], work: Path) -> dict[str, Any]:
    """Run one script in a process of its own and return its figures, with the date and how busy the machine was."""
    before, target = os.getloadavg()[0], work / f"{name}.json"
    done = subprocess.run(
        [sys.executable, HERE / f"{name}.py", *options, "--json", target], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"{name}: {done.stderr.strip()[-2000:]}")
    found: dict[str, Any] = json.loads(target.read_text(encoding="utf-8"))
    busy = {"before": round(before, 1), "after": round(os.getloadavg()[0], 1)}
    return {"measured": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"), "load average": busy, **found}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--quick", action="store_true")
    options.add_argument("--only", nargs="+", choices=NAMES, default=list(NAMES))
    options.add_argument("--work", type=Path, default=ROOT / "build" / "bench")
    options.add_argument("--times", type=int, default=5)
    options.add_argument("--page", action="store_true", help="Only write the page from the results that are there.")
    chosen = options.parse_args()
    chosen.work.mkdir(parents=True, exist_ok=True)
    kept = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() and not chosen.quick else {}
    console = Console(stderr=True)
    if not chosen.page:
        with Status("peers", console=console) as status:
            python = peers_python(chosen.work)
            for name in chosen.only:
                status.update(name)
                kept[name] = measured(name, arguments(name, chosen.quick, chosen.times, chosen.work, python), chosen.work)
                console.print(f"{name}: done")
        kept["machine"] = machine()
    for claim, goal, figure, met in summary(kept):
        print(f"{'met   ' if met else 'MISSED'}  {claim}: {figure} (goal {goal})")
    if not chosen.quick:
        RESULTS.write_text(json.dumps(kept, ensure_ascii=False, indent=1, sort_keys=True) + "\n", encoding="utf-8")
        PAGE.write_text(page(kept), encoding="utf-8")


if __name__ == "__main__":
    main()
