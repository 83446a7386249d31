"""The process of a worker: ``python -m zhizhi.cli.working``. Started by ``zhizhi work`` and ``zhizhi serve --work``.

It is a program of its own, so that it does not carry the modules of the other verbs in its memory.
"""

from __future__ import annotations

import argparse
from datetime import timedelta
from importlib import import_module

from zhizhi.cli.desk import start_django


def main() -> None:
    """Set Django up in the home that ``ZHIZHI_HOME`` names, and work."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--once", action="store_true")
    parser.add_argument("--lease", type=float, default=90.0)
    parser.add_argument("--parent", type=int, default=0)
    given = parser.parse_args()
    start_django()
    run = import_module("zhizhi.cli.desk_work").run  # its services need Django to be set up
    run(timedelta(seconds=given.lease), given.once, given.parent)


if __name__ == "__main__":
    main()
