"""Forms of findings and households."""

from __future__ import annotations

from decimal import Decimal

from django import forms

from zhizhi.apps.assistance.schemas import AID_KINDS, PURPOSES
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


class AidForm(forms.Form):
    """One piece of aid that the household had."""

    kind = forms.ChoiceField(
        label=lazy_t("household.aid-kind"), choices=[(kind, lazy_t(f"household.aid-{kind}")) for kind in AID_KINDS]
    )
    title = forms.CharField(label=lazy_t("household.aid-what"), help_text=lazy_t("household.aid-what-help"), max_length=120)
    value = forms.DecimalField(
        label=lazy_t("household.aid-value-yuan"),
        help_text=lazy_t("household.aid-value-help"),
        required=False,
        min_value=Decimal(0),
        max_digits=12,
        decimal_places=2,
    )
    quantity = forms.CharField(
        label=lazy_t("household.aid-quantity"), help_text=lazy_t("household.aid-quantity-help"), required=False, max_length=60
    )
    given_on = forms.DateField(label=lazy_t("household.aid-day"), widget=forms.DateInput(attrs={"type": "date"}))
    source = forms.CharField(label=lazy_t("household.aid-giver"), help_text=lazy_t("household.aid-giver-help"), max_length=120)
    key = forms.CharField(widget=forms.HiddenInput, required=False, max_length=64)

    @property
    def value_fen(self) -> int | None:
        """Return the value in fen."""
        value = self.cleaned_data.get("value")
        return None if value is None else int(value * 100)
