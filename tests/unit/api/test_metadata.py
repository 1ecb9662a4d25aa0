import pytest
from django.test import Client
from django.utils import timezone
from knox.models import AuthToken

from accounts.models import User


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("path", "methods"), [("/api/logout", {"POST", "OPTIONS"}), ("/api/projects", {"GET", "POST"})]
)
def test_a_question_for_the_methods_has_an_answer(path, methods):
    user = User.objects.create_user("ada@example.org", "x", verified_at=timezone.now())
    token = AuthToken.objects.create(user)[1]

    answer = Client().options(path, headers={"Authorization": f"Bearer {token}"})

    assert (answer.status_code, answer.json()) == (200, {})
    assert methods <= set(answer.headers["Allow"].split(", "))
