"""An upload and an answer of a department that no actor of the tests belongs to, for the walk over all routes."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from world import World, thing

from zhizhi.apps.catalogue.models import Answer
from zhizhi.apps.catalogue.services.uploads import upload_receive
from zhizhi.apps.configuration import configuration


@thing("catalogue", "dataset", placeless=True)
def dataset(world: World) -> str:
    return "wages"


@thing("catalogue", "upload")
def upload(world: World) -> UUID:
    source = configuration().home / "sent.csv"
    source.write_text("a,b\n1,2\n", encoding="utf-8")
    far = replace(world.system, department="health")
    return UUID(upload_receive(far, source=source, file="卫健.csv", now=world.now).id)


@thing("catalogue", "answer")
def answer(world: World) -> int:
    row = Answer.objects.create(
        dataset="serious_illness",
        rule="impossible date",
        owner="health",
        whole_rule=True,
        verdict="fixed",
        sequence=1,
        rows=1,
        person="far",
        answered_at=world.now,
    )
    return int(row.pk)
