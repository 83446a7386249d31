"""Forms of login, account and administration. They check shapes; what may be done is said by the services."""

from __future__ import annotations

from typing import Any

from django import forms

from zhizhi.apps.accounts.selectors.departments import departments
from zhizhi.apps.accounts.selectors.regions import Place, region_find
from zhizhi.apps.actors import PERMISSIONS, Actor, Permission, Role
from zhizhi.apps.configuration import configuration
from zhizhi.apps.wording import lang, lazy_t, t
from zhizhi.kernel.errors import ZhizhiError


def tell(form: forms.Form, error: ZhizhiError) -> None:
    """Put an error of a service beside the field that it names, or above the form."""
    field = str(error.params.get("field", ""))
    form.add_error(field if field in form.fields else None, error.text(lang()))


def _password(label: str, autocomplete: str) -> forms.CharField:
    widget = forms.PasswordInput(attrs={"autocomplete": autocomplete})
    return forms.CharField(label=lazy_t(label), strip=False, max_length=256, widget=widget)


class LoginForm(forms.Form):
    """Login name and password."""

    username = forms.CharField(
        label=lazy_t("accounts.username"),
        max_length=64,
        widget=forms.TextInput(attrs={"autocomplete": "username", "autocapitalize": "none", "spellcheck": "false"}),
    )
    password = _password("accounts.password", "current-password")

    def clean_username(self) -> str:
        """Return the login name in small letters, as it is stored."""
        return str(self.cleaned_data["username"]).lower()


class CodeForm(forms.Form):
    """The code of the second factor, or a recovery code."""

    code = forms.CharField(
        label=lazy_t("accounts.code-label"),
        max_length=32,
        widget=forms.TextInput(attrs={"autocomplete": "one-time-code", "autofocus": True, "spellcheck": "false"}),
    )


class PasswordForm(forms.Form):
    """A new password, typed twice."""

    old = _password("accounts.password-old", "current-password")
    new = _password("accounts.password-new", "new-password")
    again = _password("accounts.password-again", "new-password")

    def clean(self) -> dict[str, Any]:
        """Hold the two new ones against each other."""
        seen = super().clean() or {}
        if seen.get("new") and seen.get("again") and seen["new"] != seen["again"]:
            self.add_error("again", t("accounts.password-differs"))
        return seen


class OwnPasswordForm(forms.Form):
    """One's own password, asked again before something is taken away."""

    password = _password("accounts.password-old", "current-password")


class RegionField(forms.CharField):
    """A place of the actor's own subtree, given by its code or by its name; cleaned to a ``Place``."""

    def __init__(self, actor: Actor | None = None, **given: Any) -> None:
        super().__init__(max_length=160, **given)
        self.actor = actor

    def clean(self, value: Any) -> Place:
        """Return the place that was meant; several of one name are listed with their codes."""
        typed = super().clean(value)
        found = region_find(self.actor, typed) if self.actor else []
        if not found:
            raise forms.ValidationError(t("accounts.region-unknown", region=typed))
        if len(found) > 1:
            listed = "、".join(f"{place.code} {place.name(lang())}" for place in found[:8])
            raise forms.ValidationError(t("accounts.region-several", region=typed, n=len(found), places=listed))
        return found[0]


class PersonForm(forms.Form):
    """A new account."""

    username = forms.CharField(
        label=lazy_t("accounts.username"),
        help_text=lazy_t("accounts.username-help"),
        max_length=64,
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}),
    )
    display_name = forms.CharField(label=lazy_t("accounts.display-name"), max_length=64)
    phone = forms.CharField(label=lazy_t("accounts.phone"), max_length=32, required=False)
    region = RegionField(label=lazy_t("accounts.person-region"), help_text=lazy_t("accounts.person-region-help"))

    def __init__(self, actor: Actor, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        _search_regions(self.fields["region"], actor)


def _search_regions(field: forms.Field, actor: Actor) -> None:
    assert isinstance(field, RegionField)
    field.actor = actor
    field.widget.attrs |= {"list": "places", "autocomplete": "off", "data-places": ""}


class PostForm(forms.Form):
    """A post to be given: role, place within the actor's own, department, grade."""

    role = forms.ChoiceField(label=lazy_t("accounts.role"))
    region = RegionField(label=lazy_t("accounts.region"), help_text=lazy_t("accounts.person-region-help"))
    department = forms.ChoiceField(label=lazy_t("accounts.department"), required=False)
    grade = forms.TypedChoiceField(label=lazy_t("accounts.grade"), help_text=lazy_t("accounts.grade-help"), coerce=int)

    def __init__(self, actor: Actor, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        _search_regions(self.fields["region"], actor)
        choices: dict[str, list[tuple[Any, str]]] = {
            "role": [(role.value, t(f"accounts.role-{role.value}")) for role in Role],
            "department": [("", t("accounts.department-all")), *((key, names[lang()]) for key, names in departments().items())],
            "grade": [(n, t("accounts.grade-n", n=n)) for n in range(1, configuration().highest_grade + 1)],
        }
        for name, listed in choices.items():
            field = self.fields[name]
            assert isinstance(field, forms.ChoiceField)
            field.choices = listed


class PurposeForm(forms.Form):
    """Why an administrator looks through another post."""

    purpose = forms.CharField(label=lazy_t("accounts.view-as-purpose"), max_length=200)


class TokenForm(forms.Form):
    """A token to be issued: what for, which permissions, how long."""

    name = forms.CharField(label=lazy_t("accounts.token-name"), help_text=lazy_t("accounts.token-name-help"), max_length=64)
    permissions = forms.MultipleChoiceField(label=lazy_t("accounts.token-rights"), widget=forms.CheckboxSelectMultiple)
    days = forms.IntegerField(label=lazy_t("accounts.token-days"), min_value=1, max_value=366, initial=90)

    def __init__(self, role: Role, withheld: frozenset[Permission], *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        field = self.fields["permissions"]
        assert isinstance(field, forms.MultipleChoiceField)
        field.choices = [(p.value, may(p)) for p in Permission if p in PERMISSIONS[role] - withheld]


def may(permission: Permission) -> str:
    """Return in words what a permission lets its holder do."""
    return t(f"accounts.may-{permission.value.replace('.', '-')}")
