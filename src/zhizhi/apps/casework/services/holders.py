"""Who holds a case: assigned, taken, handed over."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import F

from zhizhi.apps.accounts.selectors.posts import PostView, post_get
from zhizhi.apps.actors import Actor, Permission, in_scope, region_prefix
from zhizhi.apps.casework.models import Case, Entry
from zhizhi.apps.casework.schemas import ASSIGNED, HANDED_OVER, Moved
from zhizhi.apps.casework.selectors.workflows import workflow_in
from zhizhi.apps.casework.services.change import Work, find, reason_of, require_hand, save, sent_before
from zhizhi.apps.journal.schemas import Fact
from zhizhi.apps.journal.services import record_many
from zhizhi.engines.workflow.moves import may_take
from zhizhi.kernel.errors import InvalidError, RefusedError

BATCH = 1_000


def case_assign(
    actor: Actor, *, case_id: int, version: int, post_id: int, now: datetime, note: str = "", key: str | None = None
) -> Moved:
    """Give a case to a post that may take its step and whose region holds it.

    Raises:
        InvalidError: ``casework.post-unfit``. ConflictError: stale or closed.
    """
    actor.require(Permission.CASE_ASSIGN)
    return _give(actor, case_id, version, post_id, now, note, key, kind="assigned", event=ASSIGNED)


def case_hand_over(
    actor: Actor, *, case_id: int, version: int, post_id: int, note: str, now: datetime, key: str | None = None
) -> Moved:
    """Hand one's case over to another post, with a note for it. The step's clock runs on.

    Raises:
        RefusedError: ``casework.held`` or ``casework.no-hand-over``. InvalidError: no note, or ``casework.post-unfit``.
    """
    actor.require(Permission.CASE_WORK)
    note = reason_of(note, required=True, field="note")
    return _give(actor, case_id, version, post_id, now, note, key, kind="handed-over", event=HANDED_OVER)


def case_take(actor: Actor, *, case_id: int, version: int, now: datetime, key: str | None = None) -> Moved:
    """Take a case that nobody holds.

    Raises:
        RefusedError: ``casework.step-role`` or ``casework.held``.
    """
    actor.require(Permission.CASE_WORK)
    with transaction.atomic():
        work = find(actor, case_id)
        again = sent_before(work, version, key)
        if again is not None:
            return again
        role = actor.role.value if actor.role else ""
        if not may_take(work.workflow, work.step.id, role) or actor.post_id is None:
            raise RefusedError("casework.step-role")
        require_hand(actor, work)
        hand = (actor.post_id, actor.user_id, actor.name)
        return _hold(actor, work, role, hand, now, "", key, kind="assigned", event=ASSIGNED)


def case_assign_many(actor: Actor, *, pairs: Sequence[tuple[int, int]], now: datetime) -> int:
    """Give many open cases to posts, as (case id, post id); return how many changed hands.

    Pairs that do not fit (closed, outside scope, wrong role or place, held by that post already) are passed over: this is the
    work of a job that sees the state of a moment ago.
    """
    actor.require(Permission.CASE_ASSIGN)
    posts = {post_id: post_get(post_id) for post_id in {post for _, post in pairs}}
    changed = 0
    for start in range(0, len(pairs), BATCH):
        wanted = dict(pairs[start : start + BATCH])
        with transaction.atomic():
            rows = (
                Case.objects.select_for_update(of=("self",))
                .filter(in_scope(actor), pk__in=wanted, closed_at__isnull=True)
                .annotate(digest=F("workflow__digest"), package=F("workflow__package"))
            )
            fit = [(case, post) for case in rows if (post := posts[wanted[case.pk]]) is not None and _fits_row(case, post)]
            for case, post in fit:
                case.holder_post, case.holder_user, case.holder_name = post.id, post.user_id, post.user_name
                case.role = post.role.value
                case.hands = {**case.hands, post.role.value: [post.id, post.user_id, post.user_name]}
                case.version += 1
                case.changed_at = now
            held = ["holder_post", "holder_user", "holder_name", "role", "hands", "version", "changed_at"]
            Case.objects.bulk_update([case for case, _ in fit], held, batch_size=200)
            Entry.objects.bulk_create([_line(actor, case, now) for case, _ in fit], batch_size=BATCH)
            record_many(
                actor,
                [
                    Fact(
                        ASSIGNED,
                        subjects=[f"case:{case.pk}", f"household:{case.household}"],
                        region=case.region,
                        details={"post": post.id, "state": case.state, "version": case.version},
                        package=getattr(case, "package", ""),
                        package_version=case.package_version,
                    )
                    for case, post in fit
                ],
                now=now,
            )
            changed += len(fit)
    return changed


def _line(actor: Actor, case: Case, now: datetime) -> Entry:
    return Entry(
        case_id=case.pk,
        kind="assigned",
        at=now,
        user_id=actor.user_id,
        post_id=actor.post_id,
        actor=actor.name,
        role=actor.role.value if actor.role else "",
        state_from=case.state,
        state_to=case.state,
        version=case.version,
        details={"to": case.holder_name, "post": case.holder_post},
    )


def _fits_row(case: Any, post: PostView) -> bool:
    if case.holder_post == post.id or not case.region.startswith(region_prefix(post.region)):
        return False
    return may_take(workflow_in(case.digest, case.region), case.state, post.role.value)


def _give(
    actor: Actor,
    case_id: int,
    version: int,
    post_id: int,
    now: datetime,
    note: str,
    key: str | None,
    *,
    kind: str,
    event: str,
) -> Moved:
    with transaction.atomic():
        work = find(actor, case_id)
        again = sent_before(work, version, key)
        if again is not None:
            return again
        step = work.step
        if kind == "handed-over":
            require_hand(actor, work)
            if not step.hand_over:
                raise RefusedError("casework.no-hand-over")
        post = post_get(post_id)
        place = region_prefix(post.region) if post else ""
        if post is None or not place or not work.case.region.startswith(place) or post.role.value not in step.roles:
            raise InvalidError("casework.post-unfit", field="post")
        text = reason_of(note, required=False, field="note")
        return _hold(
            actor, work, post.role.value, (post.id, post.user_id, post.user_name), now, text, key, kind=kind, event=event
        )


def _hold(
    actor: Actor,
    work: Work,
    role: str,
    hand: tuple[int, int | None, str],
    now: datetime,
    note: str,
    key: str | None,
    *,
    kind: str,
    event: str,
) -> Moved:
    post, user, name = hand
    return save(
        actor,
        work,
        kind=kind,
        event=event,
        now=now,
        changes={
            "holder_post": post,
            "holder_user": user,
            "holder_name": name,
            "role": role,
            "hands": {**work.case.hands, role: [post, user, name]},
        },
        entry={"note": note, "key": key, "details": {"to": name, "post": post}},
        details={"post": post},
    )
