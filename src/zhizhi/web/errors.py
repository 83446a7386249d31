"""Where error families meet HTTP: one status a family, a page for people and problem+json (RFC 9457) for programs."""

from __future__ import annotations

import errno
import logging
import sys
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.db import DatabaseError, DataError, IntegrityError, InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.html import escape

from zhizhi.apps.casework.schemas import FormError
from zhizhi.apps.wording import lang, t
from zhizhi.backends.faults import lake_fault
from zhizhi.kernel import errors

Response = TypeVar("Response", bound=HttpResponse)
log = logging.getLogger("zhizhi.web")

STATUS: dict[type[errors.ZhizhiError], int] = {
    errors.NotFoundError: 404,
    errors.RefusedError: 403,
    errors.ConflictError: 409,
    errors.UsageError: 400,
    errors.InvalidError: 422,
    errors.InputError: 422,
    errors.ContractError: 422,
    errors.PolicyError: 422,
    errors.PackageError: 503,
    errors.LakeError: 503,
    errors.LedgerError: 503,
    errors.UnavailableError: 503,
}


OF_CODE = {"accounts.login-needed": 401, "accounts.token-refused": 401, "web.too-large": 413, "web.too-many": 429}
"""Codes that HTTP has a closer status for than their family's."""


def status_of(error: errors.ZhizhiError) -> int:
    """Return the HTTP status of an error: its code's where HTTP has a closer one, else its family's."""
    if error.code in OF_CODE:
        return OF_CODE[error.code]
    return next((status for family, status in STATUS.items() if isinstance(error, family)), 500)


def translated(error: Exception) -> errors.ZhizhiError | None:
    """Return the house's error for one of Django's or of the system's, or None if it is a fault of the program."""
    if isinstance(error, errors.ZhizhiError):
        return error
    if isinstance(error, Http404):
        return errors.NotFoundError("web.not-found")
    if isinstance(error, PermissionDenied):
        return errors.RefusedError("web.refused")
    if isinstance(error, RequestDataTooBig):
        return errors.InvalidError("web.too-large")
    if isinstance(error, SuspiciousOperation):
        return errors.UsageError("web.bad-request")
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return errors.UnavailableError("web.disk-full")
    if isinstance(error, IntegrityError):
        return errors.ConflictError("web.same-moment")
    if isinstance(error, DataError):
        return errors.InvalidError("web.value-impossible")
    if isinstance(error, (OperationalError, InterfaceError)):
        text = str(error).lower()
        if "full" in text or "no space" in text:
            return errors.UnavailableError("web.disk-full")
        return errors.UnavailableError("web.database-busy" if "lock" in text else "web.database-gone")
    return lake_fault(error)


def sentence(error: errors.ZhizhiError) -> str:
    """Return an error's sentence in the language of the request; roles and permissions are named in words."""
    if error.code == "accounts.refused":
        role, permission = (str(error.params.get(name, "-")) for name in ("role", "permission"))
        words = {"role": t(f"accounts.role-{role}"), "permission": t(f"accounts.may-{permission.replace('.', '-')}")}
        return t("accounts.refused", **(words if role != "-" else {**words, "role": "-"}))
    return error.text(lang())


def problem(error: errors.ZhizhiError, faults: Sequence[tuple[str, str, str]] = ()) -> JsonResponse:
    """Return an error as problem+json with its code, params and sentence.

    Args:
        error: the house's error.
        faults: where each fault of what was sent stands, the rule it breaks, and a sentence.
    """
    status = status_of(error)
    body: dict[str, Any] = {
        "type": f"urn:zhizhi:error:{error.code}",
        "title": t(f"web.status-{status}"),
        "status": status,
        "detail": sentence(error),
        "code": error.code,
        "params": {name: str(value) for name, value in error.params.items()},
    }
    if faults:
        body["errors"] = [{"where": where, "rule": rule, "message": message} for where, rule, message in faults]
    response = JsonResponse(body, status=status, content_type="application/problem+json")
    if status == 401:
        response["WWW-Authenticate"] = "Bearer"
    return _marked(response, error)


def invalid(faults: Sequence[tuple[str, str, str]]) -> JsonResponse:
    """Return the problem of a request to the API whose parameters or body break its schema."""
    return problem(errors.InvalidError("web.api-invalid", n=len(faults)), faults)


def of_status(status: int) -> errors.ZhizhiError:
    """Return the house's error for a status that the API's framework answers by itself."""
    if status == 401:
        return errors.RefusedError("accounts.login-needed")
    if status == 403:
        return errors.RefusedError("web.stale-form")
    if status == 404:
        return errors.NotFoundError("web.not-found")
    if status == 405:
        return errors.UsageError("web.method-unknown")
    return errors.UsageError("web.api-body") if status == 400 else errors.UsageError("web.bad-request")


def answer(request: HttpRequest, error: Exception) -> HttpResponse:
    """Return the problem or the page of an error; raise a fault of the program, which the 500 answer and the log are for."""
    known = translated(error)
    if known is None:
        raise error
    if status_of(known) >= 500 or isinstance(error, DatabaseError):
        log.warning("%s: %s", known.code, error, exc_info=isinstance(error, DatabaseError))
    faults = [(lack.field.id, lack.code, lack.text(lang())) for lack in known.lacks] if isinstance(known, FormError) else ()
    return problem(known, faults) if request.path.startswith("/api/") else error_page(request, known)


def error_page(request: HttpRequest, error: errors.ZhizhiError) -> HttpResponse:
    """Return an error as a page: what happened, what is safe, what to do."""
    status = status_of(error)
    context = {"status": status, "code": error.code, "sentence": sentence(error), "title": t(f"web.status-{status}")}
    return _marked(render(request, "error.html", context, status=status), error)


def _marked(response: Response, error: errors.ZhizhiError) -> Response:
    if response.status_code in (429, 503):
        response["Retry-After"] = str(error.params.get("seconds", 30))
    return response


class ErrorMiddleware:
    """Turns errors that leave a view into the page or the problem that its caller can read."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Pass the request on."""
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Answer with the error's page; faults of the program go on to the 500 page and the log."""
        if translated(exception) is None:
            return None
        return answer(request, exception)


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Answer 404."""
    error = errors.NotFoundError("web.not-found")
    return problem(error) if request.path.startswith("/api/") else error_page(request, error)


def refused(request: HttpRequest, reason: Any = None) -> HttpResponse:
    """Answer 403, also where a form's CSRF token is missing or old."""
    error = errors.RefusedError("web.stale-form")
    return problem(error) if request.path.startswith("/api/") else error_page(request, error)


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Answer 400."""
    error = errors.UsageError("web.bad-request")
    return problem(error) if request.path.startswith("/api/") else error_page(request, error)


def server_fault(request: HttpRequest) -> HttpResponse:
    """Answer with a page that needs neither database nor template tags: 503 where something is not there, else 500.

    Faults of what stands around a view (the session, the actor) come here, and those of an error page itself.
    """
    raised = sys.exc_info()[1]
    known = translated(raised) if isinstance(raised, Exception) else None
    if known is not None and status_of(known) == 503:
        api = request.path.startswith("/api/")
        return problem(known) if api else _marked(_bare_page(503, sentence(known), known.code), known)
    if request.path.startswith("/api/"):
        return JsonResponse(
            {
                "type": "urn:zhizhi:error:web.fault",
                "title": t("web.status-500"),
                "status": 500,
                "detail": t("web.fault"),
                "code": "web.fault",
            },
            status=500,
            content_type="application/problem+json",
        )
    return _bare_page(500, t("web.fault"), "web.fault")


def _bare_page(status: int, told: str, code: str) -> HttpResponse:
    title, language = t(f"web.status-{status}"), "en" if lang() == "en" else "zh-Hans"
    sheets = "".join(f'<link rel="stylesheet" href="/static/desk/{name}.css">' for name in ("tokens", "layout", "components"))
    head = f'<meta charset="utf-8"><title>{title}</title><meta name="viewport" content="width=device-width, initial-scale=1">'
    inner = f'{escape(told)}</p><p><a href="/">{t("page.first-page")}</a></p><p class="muted small mono">{code}</p>'
    card = f'<p class="muted">{status}</p><h1>{title}</h1><p>{inner}'
    return HttpResponse(
        f'<!doctype html><html lang="{language}"><head>{head}<link rel="icon" href="/static/desk/mark.svg">{sheets}</head>'
        f'<body class="plain"><main class="page narrow"><div class="card" data-error>{card}</div></main></body></html>',
        status=status,
    )
