"""Forms of the catalogue: the upload and the answer. What a rule forbids is said by the services; forms only read."""

from __future__ import annotations

from typing import Any

from django import forms

from zhizhi.apps.actors import Actor
from zhizhi.apps.catalogue.schemas import VERDICTS
from zhizhi.apps.catalogue.selectors.uploads import loadable
from zhizhi.apps.configuration import configuration
from zhizhi.apps.wording import lang, lazy_t, t
from zhizhi.backends.readers import ENDINGS


class UploadForm(forms.Form):
    """A data file and, if the person knows it, its dataset."""

    dataset = forms.ChoiceField(
        label=lazy_t("catalogue.upload-dataset"), help_text=lazy_t("catalogue.upload-dataset-help"), required=False
    )
    file = forms.FileField(
        label=lazy_t("catalogue.upload-file"),
        error_messages={"required": lazy_t("catalogue.file-missing"), "empty": lazy_t("catalogue.file-empty")},
        widget=forms.FileInput(attrs={"accept": ",".join(ENDINGS)}),
    )

    def __init__(self, actor: Actor, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        listed = [(item.dataset, f"{item.title(lang())} ({item.file})") for item in loadable(actor)]
        field = self.fields["dataset"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [("", t("catalogue.upload-auto")), *listed]
        self.fields["file"].help_text = t(
            "catalogue.upload-file-help", endings=" ".join(ENDINGS), limit=configuration().upload_mb
        )


class AnswerForm(forms.Form):
    """An owner's answer for chosen rows of one rule, or for all of them."""

    rule = forms.CharField(widget=forms.HiddenInput, max_length=120)
    verdict = forms.ChoiceField(
        label=lazy_t("catalogue.verdict"),
        choices=[(name, lazy_t(f"catalogue.verdict-{name}")) for name in VERDICTS],
        widget=forms.RadioSelect,
        error_messages={"required": lazy_t("catalogue.verdict-unknown"), "invalid_choice": lazy_t("catalogue.verdict-unknown")},
    )
    reason = forms.CharField(
        label=lazy_t("catalogue.reason"),
        help_text=lazy_t("catalogue.reason-help"),
        required=False,
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 3}),
    )
