import re

import pytest
from django.core.exceptions import ValidationError

from api.errors import Conflict, Refused
from web.forms import AccessibleForm, SignupForm


def a_form() -> SignupForm:
    form = SignupForm({"email": "ada@example.org", "password": "x"})
    assert form.is_valid()
    return form


def test_a_refusal_of_a_field_is_shown_at_the_field():
    form = a_form()

    with form.refusals():
        raise Refused("Taken.", field="email")

    assert form.errors == {"email": ["Taken."]}


@pytest.mark.parametrize("field", [None, "token"])
def test_any_other_refusal_is_shown_above_the_form(field):
    form = a_form()

    with form.refusals():
        raise Refused("No.", field=field)

    assert form.non_field_errors() == ["No."]


def test_validators_of_a_field_are_shown_at_the_field():
    form = a_form()

    with form.refusals():
        raise ValidationError({"password": ["Too short.", "Too common."]})

    assert form.errors == {"password": ["Too short.", "Too common."]}


def test_a_page_has_the_status_of_the_refusal():
    form = a_form()

    with form.refusals():
        raise Conflict("It runs.")

    assert form.status == 409


def test_a_bug_is_no_refusal():
    with pytest.raises(RuntimeError), a_form().refusals():
        raise RuntimeError


def test_an_error_is_tied_to_its_field_for_those_who_listen():
    html = str(SignupForm({"email": "nobody", "password": "x"})["email"])

    assert 'aria-invalid="true"' in html
    assert 'aria-describedby="id_email_error"' in html


@pytest.mark.parametrize("path", ["/signup", "/reset-password"])
@pytest.mark.django_db
def test_a_new_password_has_a_meter_and_can_be_shown(browser, path):
    page = browser.get(path).text

    assert re.search(r'<input type="password"[^>]*autocomplete="new-password"', page)
    assert 'data-shows="id_password"' in page
    assert 'data-measures="id_password"' in page
    assert 'src="/static/web/password.js"' in page
    assert browser.get("/static/web/password.js").status_code == 200


@pytest.mark.django_db
def test_a_password_that_is_not_new_has_no_meter(browser):
    page = browser.get("/login").text

    assert 'data-shows="id_password"' in page
    assert "data-measures" not in page


def test_no_form_has_a_hidden_field_but_its_tokens():
    found = {
        (form.__name__, name)
        for form in AccessibleForm.__subclasses__()
        for name, field in form.base_fields.items()
        if field.widget.is_hidden
    }

    assert {name for _, name in found} <= {"token"}


@pytest.mark.django_db
def test_what_a_user_types_is_no_template(a_user, as_user):
    typed = "{{ 7|add:7 }}{% debug %}<script>alert(1)</script>\"'"
    page = as_user(a_user(name=typed)).get("/account").text

    assert "<script>alert" not in page
    assert "{{ 7|add:7 }}{% debug %}&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#x27;" in page
