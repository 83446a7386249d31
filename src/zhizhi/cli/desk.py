"""Django for the command: started once, in the home that the person names."""

from __future__ import annotations

import os
from pathlib import Path

import django
from django.apps import apps


def start_django(home: Path | None = None) -> None:
    """Set Django up for ``home`` (else ``ZHIZHI_HOME``, else ``home`` in the working folder). Called before any service is used.

    Services and selectors import models, which exist only after this: commands of the desk therefore import them by
    `zhizhi.cli.desk_*` modules that are loaded afterwards.
    """
    if apps.ready:
        return
    if home is not None:
        os.environ["ZHIZHI_HOME"] = str(home.absolute())
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "zhizhi.web.settings")
    django.setup()
