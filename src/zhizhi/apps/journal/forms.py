"""The form that takes a receipt."""

from __future__ import annotations

from django import forms

from zhizhi.apps.wording import lazy_t


class ReceiptForm(forms.Form):
    """A receipt to be checked."""

    file = forms.FileField(
        label=lazy_t("journal.receipt-file"),
        help_text=lazy_t("journal.receipt-file-help"),
        error_messages={"required": lazy_t("journal.receipt-file-missing"), "empty": lazy_t("journal.receipt-file-missing")},
        widget=forms.FileInput(attrs={"accept": ".tlog-proof"}),
    )
