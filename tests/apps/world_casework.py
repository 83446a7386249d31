"""A case with its file, and a kept filter, of a far town, for the walk over all routes."""

from __future__ import annotations

from io import BytesIO

from casework_world import draft, shipped
from PIL import Image
from world import World, thing

from zhizhi.apps.accounts.selectors.posts import actor_of, posts_of
from zhizhi.apps.casework.services.attachments import attachment_add
from zhizhi.apps.casework.services.cases import case_open
from zhizhi.apps.casework.services.filters import filter_keep
from zhizhi.apps.casework.services.workflows import package_install


@thing("casework", "case_id")
def case(world: World) -> int:
    package_install(world.system, package=shipped(), now=world.now)
    return case_open(world.system, draft=draft(region=world.region), now=world.now)


@thing("casework", "attachment_id")
def attachment(world: World) -> int:
    content = BytesIO()
    Image.new("RGB", (8, 8)).save(content, "PNG")
    content.seek(0)
    case_id = world.get("casework", "case_id")
    return attachment_add(world.system, case_id=case_id, name="door.png", content=content, now=world.now)


@thing("casework", "filter_id")
def kept_filter(world: World) -> int:
    world.get("accounts", "post_id")
    far = actor_of(posts_of(world.get("accounts", "user_id"))[0])
    return filter_keep(far, page="cases", name="far", query="state=open", known={"state"}, now=world.now)


@thing("casework", "region")
def region(world: World) -> str:
    return world.region


@thing("casework", "year", placeless=True)
def year(world: World) -> int:
    return 2026


@thing("casework", "day", placeless=True)
def day(world: World) -> str:
    return "2026-10-01"
