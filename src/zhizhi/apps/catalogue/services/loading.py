"""What the jobs do with an upload: check it and make its preview; load it. Each can be done again at any point."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from django.db import transaction

from zhizhi.apps.actors import Actor, Permission
from zhizhi.apps.catalogue.models import Upload
from zhizhi.apps.catalogue.schemas import DATASET_LOADED, UPLOAD_REFUSED
from zhizhi.apps.catalogue.selectors.sources import contract_of, contracts, whole_region
from zhizhi.apps.catalogue.selectors.uploads import PREVIEW, owner_params, upload_folder
from zhizhi.apps.catalogue.services.sync import catalogue_sync
from zhizhi.apps.configuration import configuration
from zhizhi.apps.journal.services import record
from zhizhi.backends.loading import Loaded, Loader
from zhizhi.backends.loading_folder import contract_named, contract_shaped, load_folder, open_for_loading
from zhizhi.backends.previewing import Preview
from zhizhi.exchange.contract import Contract
from zhizhi.kernel.errors import ContractError, InputError, InvalidError, NotFoundError, RefusedError, ZhizhiError

REFUSING = (InputError, ContractError, InvalidError, RefusedError, NotFoundError)
"""Errors that say that the file cannot be taken; others may pass, and the job is tried again."""


def upload_check(actor: Actor, *, upload: str, now: datetime) -> str:
    """Find out what an upload would do to the lake and keep that as its preview; return the state that it is in then."""
    actor.require(Permission.DATASET_LOAD)
    row = _take(upload, ("received", "checking"), "checking", now)
    if row is None:
        return "over"
    try:
        path = _file(row)
        contract = _recognised(row, path)
        lake, vault = open_for_loading(configuration().lake_path, configuration().key_path, True)
        present = lake.versions().get(contract.dataset)
        preview = _preview(Loader(lake, vault, now), path, contract)
    except REFUSING as error:
        return _refused(actor, row, error, now)
    except ZhizhiError:
        raise
    except OSError:
        raise
    except Exception:
        _fail(row, now)
        raise
    _keep(upload_folder(row.pk) / PREVIEW, {"rows": preview.rows, "bad_rows": preview.bad_rows})
    done = Upload.objects.filter(pk=row.pk, state="checking").update(
        state="shown",
        changed_at=now,
        dataset=contract.dataset,
        present=present,
        load=preview.load,
        figures=_figures(preview, contract),
        failure="",
        params={},
    )
    return "shown" if done else "over"


def upload_load(actor: Actor, *, upload: str, now: datetime) -> str:
    """Load a confirmed upload; return the state that it is in then.

    The lake's commit comes first, the database's after it: a job that is killed between the two finds the load in the lake when
    it is done again, and only tells.
    """
    actor.require(Permission.DATASET_LOAD)
    row = _take(upload, ("confirmed", "loading"), "loading", now)
    if row is None:
        return "over"
    lake, vault = open_for_loading(configuration().lake_path, configuration().key_path, True)
    try:
        contract = contract_of(row.dataset)
        outcome = next(iter(load_folder(Loader(lake, vault, now), [(_file(row), contract)])))
        if outcome.error is not None:
            raise outcome.error
        assert outcome.loaded is not None
        loaded = outcome.loaded
    except REFUSING as error:
        return _refused(actor, row, error, now)
    except (ZhizhiError, OSError):
        raise
    except Exception:
        _fail(row, now)
        raise
    _loaded(actor, row, loaded, now)
    shutil.rmtree(upload_folder(row.pk), ignore_errors=True)
    return "loaded"


def _loaded(actor: Actor, row: Upload, loaded: Loaded, now: datetime) -> None:
    with transaction.atomic():
        done = Upload.objects.filter(pk=row.pk, state="loading").update(
            state="loaded",
            changed_at=now,
            load=loaded.load,
            version=loaded.version,
            figures={
                **row.figures,
                "read": loaded.read,
                "good": loaded.good,
                "bad": loaded.bad,
                "not_run": len(loaded.not_run),
                "unchanged": loaded.unchanged,
            },
        )
        if not done:
            return
        record(
            actor,
            DATASET_LOADED,
            now=now,
            region=whole_region(),
            subjects=[f"dataset:{row.dataset}", f"upload:{row.pk}", *([f"user:{row.user_id}"] if row.user_id else [])],
            details={"load": loaded.load, "version": loaded.version, "read": loaded.read, "good": loaded.good, "bad": loaded.bad},
        )
        catalogue_sync(actor, now=now)


def _take(upload: str, states: tuple[str, ...], state: str, now: datetime) -> Upload | None:
    with transaction.atomic():
        row = Upload.objects.select_for_update().filter(pk=upload).first()
        if row is None or row.state not in states:
            return None
        row.state, row.changed_at = state, now
        row.save(update_fields=["state", "changed_at"])
    return row


def _file(row: Upload) -> Path:
    path = upload_folder(row.pk) / row.file
    if not path.exists():
        raise InvalidError("catalogue.file-gone")
    return path


def _recognised(row: Upload, path: Path) -> Contract:
    """Return the contract of a file: the one chosen, else the one that its name or its columns belong to."""
    known = list(contracts().values())
    if row.chosen:
        contract = contract_of(row.chosen)
    else:
        found = contract_named(path, known) or contract_shaped(path, known)
        if found is None:
            raise InvalidError("catalogue.file-unknown", file=path.name)
        contract = found
    if row.department and contract.department.id != row.department:
        raise RefusedError("catalogue.not-yours", **owner_params(contract))
    return contract


def _preview(loader: Loader, path: Path, contract: Contract) -> Preview:
    try:
        return loader.preview(path, contract)
    except InputError as error:
        known = [item for item in contracts().values() if item.dataset != contract.dataset]
        other = contract_shaped(path, known) if error.code.startswith(("input.column", "input.header")) else None
        if other is None:
            raise
        raise InvalidError(
            "catalogue.file-other",
            wanted_zh=contract.title("zh"),
            wanted_en=contract.title("en"),
            seen_zh=other.title("zh"),
            seen_en=other.title("en"),
        ) from error


def _figures(preview: Preview, contract: Contract) -> dict[str, Any]:
    titles = {rule.name: rule.titles for rule in contract.table.rules}
    rules = [
        {
            "name": line["rule"],
            "title": titles.get(line["rule"], {"zh": line["rule"], "en": line["rule"]}),
            "status": line["status"],
            "severity": line["severity"],
            "rows": line["rows"],
            "named": line["named"],
            "against": line["against"],
        }
        for line in preview.rules
    ]
    return {
        "read": preview.read,
        "good": preview.good,
        "bad": preview.bad,
        "change": asdict(preview.change),
        "rules": [rule for rule in rules if rule["status"] != "passed"],
        "passed": sum(rule["status"] == "passed" for rule in rules),
        "unnamed": list(preview.unnamed),
        "unchanged": preview.unchanged,
        "mode": contract.mode,
    }


def _refused(actor: Actor, row: Upload, error: ZhizhiError, now: datetime) -> str:
    params = {name: str(value) for name, value in error.params.items()}
    place = str(error.place).partition(":")[2] if error.place else ""
    with transaction.atomic():
        done = Upload.objects.filter(pk=row.pk, state__in=("checking", "loading")).update(
            state="refused", changed_at=now, failure=error.code, params={**params, "place": place}
        )
        if done:
            subjects = [f"upload:{row.pk}", *([f"dataset:{row.dataset or row.chosen}"] if row.dataset or row.chosen else [])]
            record(actor, UPLOAD_REFUSED, now=now, region=whole_region(), subjects=subjects, details={"code": error.code})
    shutil.rmtree(upload_folder(row.pk), ignore_errors=True)
    return "refused"


def _fail(row: Upload, now: datetime) -> None:
    Upload.objects.filter(pk=row.pk).update(state="failed", changed_at=now, failure="catalogue.fault", params={})


def _keep(path: Path, value: object) -> None:
    draft = path.with_suffix(".part")
    draft.write_text(json.dumps(value, ensure_ascii=False, default=str), encoding="utf-8")
    os.chmod(draft, 0o600)
    os.replace(draft, path)
