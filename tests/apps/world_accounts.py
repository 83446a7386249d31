"""People, posts and tokens of a far place, for the walk over all routes."""

from __future__ import annotations

from datetime import timedelta

from world import World, thing

from zhizhi.apps.accounts.services.people import post_grant, user_create
from zhizhi.apps.accounts.services.tokens import token_issue
from zhizhi.apps.actors import Permission, Role


@thing("accounts", "user_id")
def user(world: World) -> int:
    return user_create(world.system, username="far-away", display_name="far", password=None, region=world.region, now=world.now)


@thing("accounts", "post_id")
def post(world: World) -> int:
    return post_grant(
        world.system, user_id=world.get("accounts", "user_id"), role=Role.VILLAGE_WORKER, region=world.region, now=world.now
    )


@thing("accounts", "token_id")
def token(world: World) -> int:
    made, _ = token_issue(
        world.system,
        post_id=world.get("accounts", "post_id"),
        name="far",
        permissions=[Permission.CASE_VIEW],
        expires_at=world.now + timedelta(days=3_650) - timedelta(days=3_300),
        now=world.now,
    )
    return made


@thing("accounts", "change", placeless=True)
def change(world: World) -> str:
    return "unlock"
