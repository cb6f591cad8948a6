"""What people type into the pages' forms. The rules are the core's; a form says where on the page one was broken."""

from http import HTTPStatus
from secrets import token_urlsafe
from typing import Any

from django import forms
from django.contrib.auth.forms import SetPasswordForm

from messaging.actions import accounts
from messaging.commands import MAX_CLIENT_ID_LENGTH, MAX_TEXT_LENGTH
from messaging.errors import ParleyError

MAX_NUMBER = 2**53 - 1
MAX_VERSION = 2**31 - 1
MAX_PASSWORD_LENGTH = 1000


def new_client_id() -> str:
    """The idempotency key of one form as it was rendered: sent twice, it counts once."""
    return token_urlsafe(12)


def add_refusal(form: forms.BaseForm, error: ParleyError) -> None:
    """Shows a refusal of the core on the form: beside its fields where it names them, else above them."""
    fields = error.facts.get("fields", {})
    for name, sentences in fields.items():
        form.add_error(name if name in form.fields else None, list(sentences))
    if not fields:
        form.add_error(None, error.sentence)


def status_of_form(form: forms.BaseForm) -> HTTPStatus:
    """What to answer with when a form is shown: again, because something in it was wrong, or for the first time."""
    return HTTPStatus.BAD_REQUEST if form.is_bound else HTTPStatus.OK


class TextField(forms.CharField):
    """Several lines, kept as they were typed. Browsers send their ends as CR LF; scripts and the log have LF."""

    widget = forms.Textarea

    def to_python(self, value: Any) -> str:
        return (super().to_python(value) or "").replace("\r\n", "\n").replace("\r", "\n")


class ClientIdField(forms.CharField):
    """The hidden idempotency key. Browsers must not fill in the one of a form that was here before."""

    def __init__(self) -> None:
        super().__init__(
            required=False,
            max_length=MAX_CLIENT_ID_LENGTH,
            initial=new_client_id,
            widget=forms.HiddenInput(attrs={"autocomplete": "off"}),
        )


class MessageForm(forms.Form):
    text = TextField(
        strip=False,
        max_length=MAX_TEXT_LENGTH,
        error_messages={"required": "Write something first."},
    )
    client_id = ClientIdField()


class EditForm(forms.Form):
    text = TextField(
        strip=False,
        max_length=MAX_TEXT_LENGTH,
        label="Message",
        widget=forms.Textarea(attrs={"rows": 6, "dir": "auto", "autocomplete": "off"}),
    )


class PageForm(forms.Form):
    """Which page of the messages: the newest, or one by a number in or beside it."""

    before = forms.IntegerField(required=False, min_value=0, max_value=MAX_NUMBER)
    after = forms.IntegerField(required=False, min_value=0, max_value=MAX_NUMBER)
    around = forms.IntegerField(required=False, min_value=0, max_value=MAX_NUMBER)


class ReadForm(forms.Form):
    number = forms.IntegerField(min_value=0, max_value=MAX_NUMBER)


class RoomForm(forms.Form):
    name = forms.CharField(
        max_length=100, label="Name", widget=forms.TextInput(attrs={"autocomplete": "off"})
    )
    link_open = forms.BooleanField(
        required=False, initial=True, label="Whoever has the link may join, and members may invite"
    )
    history_open = forms.BooleanField(
        required=False, initial=True, label="New members see what was said before they came"
    )
    client_id = ClientIdField()


class RoomSettingsForm(forms.Form):
    name = forms.CharField(
        max_length=100, label="Name", widget=forms.TextInput(attrs={"autocomplete": "off"})
    )
    link_open = forms.BooleanField(required=False, label="Whoever has the link may join")


class PersonForm(forms.Form):
    username = forms.CharField(
        max_length=150,
        label="Username",
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}
        ),
    )


class SearchForm(forms.Form):
    q = forms.CharField(
        required=False,
        max_length=150,
        label="Name",
        widget=forms.TextInput(
            attrs={"type": "search", "autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}
        ),
    )
    after = forms.CharField(required=False, max_length=150, widget=forms.HiddenInput)


def _password(
    label: str, autocomplete: str, *, help_text: str = "", required: bool = True
) -> forms.CharField:
    return forms.CharField(
        strip=False,
        required=required,
        max_length=MAX_PASSWORD_LENGTH,
        label=label,
        help_text=help_text,
        widget=forms.PasswordInput(attrs={"autocomplete": autocomplete}),
    )


def _code(label: str, *, required: bool = True) -> forms.CharField:
    return forms.CharField(
        required=required,
        max_length=20,
        label=label,
        widget=forms.TextInput(
            attrs={"autocomplete": "one-time-code", "autocapitalize": "none", "spellcheck": "false"}
        ),
    )


NEW_PASSWORD_HELP = "At least 8 characters, and nothing easily guessed."  # noqa: S105 - a sentence


class SignUpForm(forms.Form):
    username = forms.CharField(
        max_length=64,
        label="Username",
        help_text="Letters, digits and . + - _",
        widget=forms.TextInput(
            attrs={"autocomplete": "username", "autocapitalize": "none", "spellcheck": "false"}
        ),
    )
    email = forms.EmailField(
        required=False,
        label="E-mail (optional)",
        help_text="To reset a forgotten password. Nobody else sees it.",
        widget=forms.EmailInput(attrs={"autocomplete": "email"}),
    )
    password = _password("Password", "new-password", help_text=NEW_PASSWORD_HELP)
    invitation = forms.CharField(required=False, max_length=200, widget=forms.HiddenInput)
    # Those that are linked from the form: a new one may be published before it is sent.
    terms_version = forms.IntegerField(
        required=False, min_value=0, max_value=MAX_VERSION, widget=forms.HiddenInput
    )
    privacy_version = forms.IntegerField(
        required=False, min_value=0, max_value=MAX_VERSION, widget=forms.HiddenInput
    )


class AcceptTermsForm(forms.Form):
    terms_version = forms.IntegerField(min_value=0, max_value=MAX_VERSION, widget=forms.HiddenInput)
    privacy_version = forms.IntegerField(min_value=0, max_value=MAX_VERSION, widget=forms.HiddenInput)


class LogInForm(forms.Form):
    identifier = forms.CharField(
        max_length=254,
        label="Username or e-mail",
        widget=forms.TextInput(
            attrs={"autocomplete": "username", "autocapitalize": "none", "spellcheck": "false"}
        ),
    )
    password = _password("Password", "current-password")
    code = _code("One-time code (if you have set one up)", required=False)


class SecondFactorForm(forms.Form):
    code = _code("Code")


class ProfileForm(forms.Form):
    username = forms.CharField(
        max_length=64,
        label="Username",
        widget=forms.TextInput(
            attrs={"autocomplete": "username", "autocapitalize": "none", "spellcheck": "false"}
        ),
    )
    email = forms.EmailField(
        required=False, label="E-mail (optional)", widget=forms.EmailInput(attrs={"autocomplete": "email"})
    )
    first_name = forms.CharField(
        required=False,
        max_length=150,
        label="First name (optional)",
        widget=forms.TextInput(attrs={"autocomplete": "given-name"}),
    )
    last_name = forms.CharField(
        required=False,
        max_length=150,
        label="Last name (optional)",
        widget=forms.TextInput(attrs={"autocomplete": "family-name"}),
    )
    current_password = _password(
        "Your password",
        "current-password",
        help_text="Needed for a new username or e-mail: with them, passwords can be reset.",
        required=False,
    )


class PasswordForm(forms.Form):
    current_password = _password("Your password now", "current-password")
    new_password = _password("New password", "new-password", help_text=NEW_PASSWORD_HELP)


class DeleteAccountForm(forms.Form):
    current_password = _password("Your password", "current-password")


class AskForResetForm(forms.Form):
    email = forms.EmailField(label="E-mail", widget=forms.EmailInput(attrs={"autocomplete": "email"}))


class ResetPasswordForm(SetPasswordForm):  # type: ignore[type-arg]  # generic in the stubs only
    """The new password of somebody whom a mailed link has brought here."""

    def save(self, commit: bool = True) -> Any:
        accounts.set_password_by_mail(user=self.user, password=self.cleaned_data["new_password1"])
        return self.user
