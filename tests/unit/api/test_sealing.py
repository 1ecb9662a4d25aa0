import pytest

from api import sealing


def test_what_was_sealed_is_read_again():
    assert sealing.unseal(sealing.seal("a secret, ünïcode")) == "a secret, ünïcode"


def test_a_seal_shows_nothing_of_its_text_and_is_another_each_time():
    first, second = sealing.seal("a secret"), sealing.seal("a secret")

    assert first != second
    assert "secret" not in first
    assert first.startswith(sealing.FIRST_LETTERS)


def test_another_key_opens_no_seal(settings):
    sealed = sealing.seal("a secret")
    settings.SECRET_KEY = "another one"

    with pytest.raises(sealing.Unreadable):
        sealing.unseal(sealed)


@pytest.mark.parametrize("sealed", ["", "a secret", "gAAAA", "\u00fc"])
def test_what_is_no_seal_is_not_read(sealed):
    with pytest.raises(sealing.Unreadable):
        sealing.unseal(sealed)


def test_a_seal_that_was_changed_is_not_read():
    sealed = sealing.seal("a secret")
    at = len(sealed) // 2
    changed = sealed[:at] + ("A" if sealed[at] != "A" else "B") + sealed[at + 1 :]

    with pytest.raises(sealing.Unreadable):
        sealing.unseal(changed)


def test_a_fallback_opens_what_it_sealed_and_seals_nothing(settings):
    old = settings.SECRET_KEY
    sealed = sealing.seal("a secret")
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "another one", ["a third", old]

    assert sealing.unseal(sealed) == "a secret"
    again = sealing.seal("a secret")
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = old, []
    with pytest.raises(sealing.Unreadable):
        sealing.unseal(again)


def test_a_seal_made_anew_is_the_present_keys(settings):
    sealed = sealing.seal("a secret")
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "another one", [settings.SECRET_KEY]

    again = sealing.reseal(sealed)

    assert (sealing.is_current(sealed), sealing.is_current(again)) == (False, True)
    settings.SECRET_KEY_FALLBACKS = []
    assert sealing.unseal(again) == "a secret"
