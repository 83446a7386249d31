"""Masked names for the cards of new cases."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from zhizhi.apps.assistance.selectors.lake import lake_in_use
from zhizhi.apps.assistance.selectors.packages import package_in_use
from zhizhi.apps.configuration import configuration
from zhizhi.backends.register import Head, Register
from zhizhi.backends.screening import latest_run, state_folder
from zhizhi.backends.vault import Vault
from zhizhi.kernel.errors import LakeError, NotFoundError


def heads(households: Sequence[str]) -> dict[str, Head]:
    """Return the masked heads of households; none without the key: a case is opened without a name rather than not at all."""
    lake, package = lake_in_use(), package_in_use()
    kept = latest_run(state_folder(lake, package))
    if kept is None or not households:
        return {}
    try:
        vault = Vault.open(configuration().key_path)
        people = Register(lake, package, vault, date.fromisoformat(kept[1]["on"]))
        return people.heads(households)
    except (LakeError, NotFoundError):
        return {}
