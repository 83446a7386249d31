"""The desk and the browser, for every journey; with several workers, all journeys of the desk go to one of them."""

from __future__ import annotations

import pytest
from desk_server import browser, desk, desktop, phone

__all__ = ["browser", "desk", "desktop", "phone"]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """One desk a session is enough: it takes half a minute to make."""
    if config.pluginmanager.hasplugin("xdist"):
        for item in items:
            if "desk" in getattr(item, "fixturenames", ()):
                item.add_marker(pytest.mark.xdist_group("desk"))
