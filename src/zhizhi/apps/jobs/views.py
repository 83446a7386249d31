"""The administrator's page of jobs, workers and duties."""

from __future__ import annotations

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from zhizhi.apps.actors import Actor, Permission
from zhizhi.apps.gate import page
from zhizhi.apps.jobs import selectors
from zhizhi.apps.wording import t
from zhizhi.kernel.errors import UsageError

ROWS = 50
KINDS = {"waiting": "neutral", "running": "attention", "done": "done", "failed": "urgent"}


@page(Permission.JOBS_VIEW, filters={"state", "page"})
def job_page(request: HttpRequest) -> HttpResponse:
    """List jobs, newest first; above them whether a worker lives, below them the duties."""
    actor: Actor = request.actor  # type: ignore[attr-defined]
    state, number = request.GET.get("state", ""), _number(request.GET.get("page", "1"))
    jobs, total = selectors.job_list(actor, state=state, start=(number - 1) * ROWS, limit=ROWS)
    paginator = Paginator(range(total), ROWS)
    counts = selectors.job_counts(actor)
    context = {
        "jobs": [(job, KINDS[job.state], t(job.failure, **job.params) if job.failure else "") for job in jobs],
        "page": paginator.get_page(number),
        "total": total,
        "chips": [("", sum(counts.values()), "jobs.all"), *((word, n, f"jobs.state-{word}") for word, n in counts.items())],
        "state": state,
        "workers": selectors.worker_list(actor, now=timezone.now()),
        "duties": [(duty, t(duty.failure) if duty.failure else "") for duty in selectors.duty_list(actor)],
    }
    context["alive"] = any(worker.alive for worker in selectors.worker_list(actor, now=timezone.now()))
    return render(request, "jobs/jobs.html", context)


def _number(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 0 < int(text) < 1_000_000:
        raise UsageError("web.bad-request")
    return int(text)
