import pytest
from django.core.exceptions import ValidationError

from api.errors import Conflict, Refused
from web.forms import SignupForm


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
