import pytest
from rest_framework import serializers

from api.fields import Address, Text, Url


class Sent(serializers.Serializer):
    name = Text(required=False)
    email = Address(required=False)
    url = Url(required=False)


@pytest.mark.parametrize(
    "sent", [{"name": "7"}, {"email": "ada@example.org"}, {"url": "https://example.org/"}]
)
def test_text_is_taken(sent):
    serializer = Sent(data=sent)

    assert serializer.is_valid()
    assert serializer.validated_data == sent


@pytest.mark.parametrize("field", ["name", "email", "url"])
@pytest.mark.parametrize("value", [7, 1e300, True, [], {}, "\x00", "\ud800"])
def test_what_is_no_text_is_refused(field, value):
    serializer = Sent(data={field: value})

    assert not serializer.is_valid()
    assert list(serializer.errors) == [field]
