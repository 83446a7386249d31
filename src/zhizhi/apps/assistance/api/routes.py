"""All routes of assistance's API."""

from __future__ import annotations

from ninja import Router

from zhizhi.apps.assistance.api import desk, found, policies, warnings

router = Router()
router.add_router("", found.router)
router.add_router("", desk.router)
router.add_router("", warnings.router)
router.add_router("", policies.router)
