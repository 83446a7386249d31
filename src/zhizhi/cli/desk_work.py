"""Puts a worker together: its actor, its duties, its pace. Loaded after Django is set up."""

from __future__ import annotations

from datetime import timedelta

from zhizhi.apps.actors import Actor
from zhizhi.apps.configuration import configuration
from zhizhi.cli.desk_duties import rounds
from zhizhi.cli.desk_worker import Pace, Worker


def run(lease: timedelta, once: bool, parent: int) -> None:
    """Work until told to stop, or with ``once`` until no job is ready."""
    actor = Actor.system("worker", configuration().region)
    pace = Pace(lease=lease)
    Worker(actor, rounds(actor, lease), pace, once, parent).run()
