"""Upload a file, look at its preview, confirm or cancel it, and see what came of it."""

from __future__ import annotations

from pathlib import Path

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST

from zhizhi.apps import gate
from zhizhi.apps.actors import Actor, Permission
from zhizhi.apps.catalogue.forms import UploadForm
from zhizhi.apps.catalogue.schemas import UploadView
from zhizhi.apps.catalogue.selectors.uploads import loadable, sample_get, upload_get, upload_list
from zhizhi.apps.catalogue.services.uploads import STUCK, upload_again, upload_cancel, upload_confirm, upload_receive
from zhizhi.apps.configuration import configuration
from zhizhi.apps.wording import lang, t
from zhizhi.kernel.errors import InvalidError, UnavailableError
from zhizhi.kernel.messages import render as sentence

MANY_BAD, FEWER = 0.05, 0.1
"""Shares above which a preview warns: of bad rows, and of rows that would be gone."""


@gate.page(Permission.DATASET_LOAD, filters={"dataset"})
def upload_page(request: HttpRequest) -> HttpResponse:
    """Ask for a file; POST takes it and leads to its preview."""
    actor = gate.who(request)
    if request.method != "POST":
        return _form(request, actor, UploadForm(actor, initial={"dataset": request.GET.get("dataset", "")}))
    form = UploadForm(actor, request.POST, request.FILES)
    refused = getattr(request, "upload_refused", None)
    if refused == "web.disk-full":
        raise UnavailableError("web.disk-full")
    if refused:
        form.errors["file"] = form.error_class([t("catalogue.file-large", limit=configuration().upload_mb)])
        return _form(request, actor, form, 413)
    if not form.is_valid():
        return _form(request, actor, form, 422)
    sent = form.cleaned_data["file"]
    try:
        upload = upload_receive(
            actor,
            source=Path(sent.temporary_file_path()),
            file=sent.name,
            dataset=form.cleaned_data["dataset"],
            now=timezone.now(),
        )
    except InvalidError as error:
        form.add_error("file", error.text(lang()))
        return _form(request, actor, form, 422)
    return redirect("catalogue:preview", upload=upload.id)


def _form(request: HttpRequest, actor: Actor, form: UploadForm, status: int = 200) -> HttpResponse:
    context = {"form": form, "uploads": upload_list(actor), "loadable": loadable(actor)}
    return render(request, "catalogue/upload.html", context, status=status)


@gate.page(Permission.DATASET_LOAD)
def preview_page(request: HttpRequest, upload: str) -> HttpResponse:
    """Show where an upload stands: being checked, its preview, being loaded, its result, or why it was refused."""
    actor, now = gate.who(request), timezone.now()
    seen = upload_get(actor, str(upload))
    context = {
        "upload": seen,
        "sample": sample_get(actor, str(upload)) if seen.state == "shown" else None,
        "slow": seen.under_way and seen.changed_at < now - STUCK,
        "failure": sentence(seen.failure, lang(), {"place": "", **seen.params}) if seen.failure else "",
        **_warnings(seen),
    }
    return render(request, "catalogue/preview.html", context)


def _warnings(upload: UploadView) -> dict[str, object]:
    """Return the shares that a person should look at twice, or nothing."""
    figures = upload.figures
    if upload.state != "shown" or not figures.get("read"):
        return {}
    change = figures["change"]
    fewer = (change["before"] - change["after"]) / change["before"] if change["before"] else 0.0
    bad = figures["bad"] / figures["read"]
    return {"shrinks": fewer if fewer > FEWER else None, "many_bad": bad if bad > MANY_BAD else None}


@gate.page(Permission.DATASET_LOAD)
@require_POST
def confirm_page(request: HttpRequest, upload: str) -> HttpResponse:
    """Load the file of a preview."""
    upload_confirm(gate.who(request), upload=str(upload), now=timezone.now())
    return redirect("catalogue:preview", upload=upload)


@gate.page(Permission.DATASET_LOAD)
@require_POST
def cancel_page(request: HttpRequest, upload: str) -> HttpResponse:
    """Drop an upload and its file."""
    upload_cancel(gate.who(request), upload=str(upload), now=timezone.now())
    messages.success(request, t("catalogue.upload-cancelled-done"))
    return redirect("catalogue:upload")


@gate.page(Permission.DATASET_LOAD)
@require_POST
def again_page(request: HttpRequest, upload: str) -> HttpResponse:
    """Start the work on an upload again that stands still."""
    upload_again(gate.who(request), upload=str(upload), now=timezone.now())
    return redirect("catalogue:preview", upload=upload)
