"""Pages of cases."""

from __future__ import annotations

from django.urls import URLPattern, path

from zhizhi.apps.casework.views import actions, calendar, cases, doors, lists

app_name = "casework"
prefix = "cases/"

urlpatterns: list[URLPattern] = [
    path("doors", doors.doors, name="doors"),
    path("", lists.cases, name="case-list"),
    path("cases.xlsx", lists.cases_export, name="cases-export"),
    path("filters", lists.filter_keep, name="filter-keep"),
    path("filters/<int:filter_id>/remove", lists.filter_remove, name="filter-remove"),
    path("calendar", calendar.calendar, name="calendar"),
    path("calendar/day", calendar.day, name="calendar-day"),
    path("calendar/day/clear", calendar.day_clear, name="calendar-day-clear"),
    path("calendar/year", calendar.year, name="calendar-year"),
    path("calendar/hours", calendar.hours, name="calendar-hours"),
    path("files/<int:attachment_id>", actions.attachment, name="attachment"),
    path("files/<int:attachment_id>/remove", actions.detach, name="detach"),
    path("<int:case_id>", cases.case, name="case"),
    path("<int:case_id>/step", cases.step, name="step"),
    path("<int:case_id>/visit", cases.visit, name="visit"),
    path("<int:case_id>/take", actions.take, name="take"),
    path("<int:case_id>/give", actions.give, name="give"),
    path("<int:case_id>/pause", actions.pause, name="pause"),
    path("<int:case_id>/resume", actions.resume, name="resume"),
    path("<int:case_id>/reopen", actions.reopen, name="reopen"),
    path("<int:case_id>/link", actions.link, name="link"),
    path("<int:case_id>/merge", actions.merge, name="merge"),
    path("<int:case_id>/comment", actions.comment, name="comment"),
    path("<int:case_id>/attach", actions.attach, name="attach"),
]
