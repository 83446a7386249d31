"""The API: OpenAPI 3.1 over the same services and selectors as the pages."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec

from ninja import NinjaAPI

api = NinjaAPI(title="Zhizhi", version="1", urls_namespace="api")

for _name in ("accounts", "journal", "catalogue", "casework", "assistance"):
    if find_spec(f"zhizhi.apps.{_name}") and find_spec(f"zhizhi.apps.{_name}.api"):
        api.add_router(f"/{_name}", import_module(f"zhizhi.apps.{_name}.api").router)
