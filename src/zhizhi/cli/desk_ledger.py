"""What ``zhizhi ledger`` does inside a home. Loaded after Django is set up."""

from __future__ import annotations

import getpass
from pathlib import Path

from django.utils import timezone

from zhizhi.apps.actors import Actor
from zhizhi.apps.configuration import configuration
from zhizhi.apps.journal.schemas import Sealed, VerificationView
from zhizhi.apps.journal.services.rebuilding import ledger_rebuild
from zhizhi.apps.journal.services.receipts import ledger_export, receipt_make
from zhizhi.apps.journal.services.sealing import ledger_seal
from zhizhi.apps.journal.services.verification import ledger_verify
from zhizhi.apps.journal.services.witnesses import witnesses_ask
from zhizhi.engines.ledger.checkpoints import Checkpoint


def _actor() -> Actor:
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        name = "cli"
    return Actor.system(f"cli:{name}"[:64], configuration().region, via="cli")


def export(folder: Path) -> Checkpoint:
    """Copy the ledger into ``folder``."""
    return ledger_export(_actor(), target=folder, now=timezone.now())


def verify() -> VerificationView:
    """Verify ledger and journal."""
    return ledger_verify(_actor(), now=timezone.now())


def prove(subject: str, opened: bool) -> bytes:
    """Return a receipt."""
    return receipt_make(_actor(), subject=subject, now=timezone.now(), opened=opened)


def seal() -> Sealed:
    """Seal what waits, and ask the witnesses."""
    sealed = ledger_seal(now=timezone.now())
    witnesses_ask(now=timezone.now())
    return sealed


def rebuild() -> int:
    """Make the lost tail of the ledger again."""
    return ledger_rebuild()
