"""How many doors each worker has: what a giving-out of new cases must know."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from django.db.models import Count

from zhizhi.apps.actors import Actor, in_scope
from zhizhi.apps.casework.models import Case


@dataclass(frozen=True, slots=True)
class Load:
    """``held``: open cases that stand where they began, nobody was visited yet; ``given``: cases opened on the day."""

    held: int
    given: int


def door_loads(actor: Actor, *, states: Sequence[str], day: date) -> dict[int, Load]:
    """Return post -> load of the posts that hold cases within the actor's region.

    Args:
        actor: whose region.
        states: the steps in which a door counts as not visited yet.
        day: the day of the giving-out.
    """
    open_ = Case.objects.filter(in_scope(actor), closed_at__isnull=True, holder_post__isnull=False, state__in=list(states))
    held = dict(open_.values_list("holder_post").annotate(n=Count("pk")))
    fresh = Case.objects.filter(in_scope(actor), opened_on=day, holder_post__isnull=False)
    given = dict(fresh.values_list("holder_post").annotate(n=Count("pk")))
    return {post: Load(held.get(post, 0), given.get(post, 0)) for post in {*held, *given} if post is not None}
