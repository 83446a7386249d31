"""All routes of casework's API."""

from __future__ import annotations

from ninja import Router

from zhizhi.apps.casework.api import cases, figures

router = Router()
router.add_router("", cases.router)
router.add_router("", figures.router)
