"""The bad rows of a dataset, and the answers of their owner."""

from __future__ import annotations

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from zhizhi.apps import gate
from zhizhi.apps.actors import Actor, Permission
from zhizhi.apps.catalogue.forms import AnswerForm
from zhizhi.apps.catalogue.schemas import ROW_STATES
from zhizhi.apps.catalogue.selectors.answers import answer_list
from zhizhi.apps.catalogue.selectors.datasets import dataset_get
from zhizhi.apps.catalogue.selectors.quarantine import may_see_rows, quarantine_get
from zhizhi.apps.catalogue.services.answers import answer_give, answer_withdraw
from zhizhi.apps.catalogue.services.reading import quarantine_read
from zhizhi.apps.catalogue.services.sync import catalogue_sync
from zhizhi.apps.configuration import configuration
from zhizhi.apps.wording import lang, t
from zhizhi.kernel.errors import InvalidError, UsageError

PAGE = 50
TABS = ("todo", *ROW_STATES[2:])


@gate.page(Permission.QUARANTINE_VIEW, filters={"rule", "state", "page"})
def quarantine_page(request: HttpRequest, dataset: str) -> HttpResponse:
    """Show the bad rows of a dataset that the post may see; POST answers for some of them."""
    actor = gate.who(request)
    catalogue_sync(Actor.system("catalogue", str(configuration().region)), now=timezone.now())
    if request.method == "POST":
        return _answer(request, actor, dataset)
    rule = request.GET.get("rule", "")
    return _page(request, actor, dataset, AnswerForm(initial={"rule": rule}), rule)


def _answer(request: HttpRequest, actor: Actor, dataset: str) -> HttpResponse:
    form = AnswerForm(request.POST)
    rule = request.POST.get("rule", "")
    whole = request.POST.get("whole") == "1"
    chosen = request.POST.getlist("rows")
    if form.is_valid():
        try:
            if not whole and not chosen:
                raise InvalidError("catalogue.rows-missing")
            answer_give(
                actor,
                dataset=dataset,
                rule=rule,
                verdict=form.cleaned_data["verdict"],
                reason=form.cleaned_data["reason"],
                rows=() if whole else chosen,
                now=timezone.now(),
            )
        except InvalidError as error:
            form.add_error("reason" if error.params.get("field") == "reason" else None, error.text(lang()))
        else:
            messages.success(request, t("catalogue.answered-done"))
            return redirect("catalogue:quarantine", dataset=dataset)
    return _page(request, actor, dataset, form, rule, chosen, status=422)


def _page(
    request: HttpRequest,
    actor: Actor,
    dataset: str,
    form: AnswerForm,
    rule: str,
    chosen: list[str] | None = None,
    status: int = 200,
) -> HttpResponse:
    state = request.GET.get("state", "")
    number = _number(request.GET.get("page", "1"))
    now = timezone.now()
    seen = quarantine_get(actor, dataset, rule=rule, state=state, start=(number - 1) * PAGE, limit=PAGE)
    shown = dataset_get(actor, dataset, now=now)
    if seen.rows:
        quarantine_read(actor, dataset=dataset, rows=len(seen.rows), now=now)
    pager = Paginator(range(seen.total), PAGE).get_page(number)
    group = next((group for group in seen.groups if group.rule == rule), None)
    context = {
        "row": shown.row,
        "seen": seen,
        "page": pager,
        "rule": rule,
        "state": state,
        "tabs": [(name, seen.states.get(name, 0)) for name in TABS],
        "group": group,
        "form": form,
        "chosen": chosen or [],
        "answers": answer_list(actor, dataset, limit=50),
        "sees_rows": may_see_rows(actor),
        "may_answer": actor.may(Permission.QUARANTINE_ANSWER) and group is not None and group.waiting > 0,
        "may_withdraw": actor.may(Permission.QUARANTINE_ANSWER),
    }
    return render(request, "catalogue/quarantine.html", context, status=status)


def _number(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 0 < int(text[:9]) < 10**6:
        raise UsageError("catalogue.filter-value", name="page", value=text[:20], known="1, 2, 3 …")
    return int(text)


@gate.page(Permission.QUARANTINE_ANSWER)
@require_POST
def withdraw_page(request: HttpRequest, answer: int) -> HttpResponse:
    """Take an answer back."""
    dataset = answer_withdraw(gate.who(request), answer=answer, now=timezone.now())
    messages.success(request, t("catalogue.answer-withdrawn-done"))
    return redirect(reverse("catalogue:quarantine", kwargs={"dataset": dataset}))
