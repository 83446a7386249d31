"""Forms of findings and households."""

from __future__ import annotations

from django import forms

from zhizhi.apps.assistance.schemas import PURPOSES
from zhizhi.apps.wording import lazy_t


class RevealForm(forms.Form):
    """For what, and why, somebody's clear name is needed."""

    purpose = forms.ChoiceField(
        label=lazy_t("household.reveal-purpose"),
        choices=[(code, lazy_t(f"assistance.purpose-{code}")) for code in PURPOSES],
        error_messages={"required": lazy_t("household.purpose-unknown"), "invalid_choice": lazy_t("household.purpose-unknown")},
    )
    reason = forms.CharField(
        label=lazy_t("household.reveal-reason"),
        max_length=150,
        error_messages={"required": lazy_t("household.reason-missing")},
    )
