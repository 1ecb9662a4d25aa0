import pytest
from django.contrib.auth import get_user_model
from django.core.cache import cache


@pytest.mark.django_db
def test_the_database_answers():
    assert not get_user_model().objects.exists()


def test_the_cache_answers():
    cache.set("a", 1)

    assert cache.get("a") == 1
