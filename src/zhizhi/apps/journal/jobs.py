"""Jobs of the journal: a whole verification, which takes seconds for a large ledger."""

from __future__ import annotations

from dataclasses import replace

from django.utils import timezone
from django_tasks import task

from zhizhi.apps.accounts.selectors.posts import actor_of, post_get
from zhizhi.apps.actors import Actor
from zhizhi.apps.configuration import configuration
from zhizhi.apps.journal.services.verification import ledger_verify


@task()
def verify_ledger(post: int | None = None) -> int:
    """Verify ledger and journal for the post that asked (None: the system); return how many findings there are."""
    held = post_get(post) if post is not None else None
    region = str(configuration().region)
    actor = replace(actor_of(held), via="job") if held else Actor.system("work", region)
    return ledger_verify(actor, now=timezone.now()).found
