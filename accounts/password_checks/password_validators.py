"""What a password must not be: a known one, the user's own words, or the name of the site, also with something added.

The list is Django's of the 20,000 passwords that leaked most often. Nearly all of them are shorter than a password may
be here, so a password is refused as well where one of them is all that is left of it without the digits and signs
around it, without repetition, and with digits read as the letters that they stand for.
"""

import re
from collections.abc import Iterator
from functools import cache

from django.contrib.auth.password_validation import CommonPasswordValidator
from django.core.exceptions import ValidationError

from accounts.models import User

SITE_WORDS = ("offstage",)
SHORTEST_WORD = 3
"""Shorter parts of a name or an address stand in many good passwords by chance."""
BULK_LEAVES = 6
"""Characters of its own that a password needs beside the words of its user; fewer are an addition."""
FEWEST_CHARACTERS = 5
"""Different characters that a password needs."""
SHORTEST_UNIT = 8
"""Characters of the text that a password may be a repetition of."""
ROWS = (
    "abcdefghijklmnopqrstuvwxyz",
    "1234567890",
    "qwertyuiopasdfghjklzxcvbnm",
    "qwertzuiopasdfghjklyxcvbnm",
)
LETTERS_FOR = str.maketrans(
    {"@": "a", "4": "a", "3": "e", "1": "i", "!": "i", "0": "o", "$": "s", "5": "s", "7": "t"}
)


class KnownPasswordValidator:
    """Refuses passwords that leaked, and those that are one of them with an addition or written several times."""

    def validate(self, password: str, user: User | None = None) -> None:
        """Raise ValidationError for a known password."""
        if any(form in _known() for form in forms_of(password)) or _is_row(password.casefold()):
            raise ValidationError(
                "This password is one of those that are guessed first, or one of them with an addition.",
                code="password_known",
            )
        unit = _unit_of(password.casefold())
        is_repetition = len(unit) < min(SHORTEST_UNIT, len(password))
        if is_repetition or len(set(unit)) < FEWEST_CHARACTERS:
            raise ValidationError("This password repeats the same few characters.", code="password_repeated")

    def get_help_text(self) -> str:
        """Return the rule in words."""
        return "Your password can't be one that is guessed first, or such a one with an addition."


class OwnWordsValidator:
    """Refuses passwords that consist of the user's name, the user's address or the site's name, and little else."""

    def validate(self, password: str, user: User | None = None) -> None:
        """Raise ValidationError where fewer than BULK_LEAVES characters are left without these words."""
        words = sorted(_words_of(user), key=len, reverse=True)
        if any(_is_bulk(form, words) for form in (password.casefold(), _unmasked(password.casefold()))):
            raise ValidationError(
                "This password is little more than your name, your address, or the name of this site.",
                code="password_own_words",
            )

    def get_help_text(self) -> str:
        """Return the rule in words."""
        return "Your password can't be your name, your address or the name of this site with an addition."


def forms_of(password: str) -> Iterator[str]:
    """Yield the password and what is left of it without what people add to a short one."""
    for written in (password.casefold(), _unmasked(password.casefold())):
        for stripped in (written, written.strip("0123456789"), re.sub(r"^[\W\d_]+|[\W\d_]+$", "", written)):
            yield stripped
            yield _unit_of(stripped)


@cache
def _known() -> frozenset[str]:
    return frozenset(CommonPasswordValidator().passwords)


def _unit_of(text: str) -> str:
    """Return the shortest text of which `text` is a repetition: itself where there is none."""
    return text[: (text + text).find(text, 1)] if text else text


def _is_row(text: str) -> bool:
    """Say whether the text is a piece of a row of keys or of the alphabet, also backwards and begun again."""
    rounds = len(text) // 10 + 2
    return any(text in row * rounds or text in row[::-1] * rounds for row in ROWS)


def _unmasked(text: str) -> str:
    return text.translate(LETTERS_FOR)


def _is_bulk(text: str, words: list[str]) -> bool:
    rest = text
    for word in words:
        rest = rest.replace(word, "")
    return len(rest) < min(BULK_LEAVES, len(text))


def _words_of(user: User | None) -> set[str]:
    if user is None:
        return set(SITE_WORDS)
    whole = {user.email.casefold(), user.name.casefold()}
    local, _, domain = user.email.casefold().partition("@")
    parts = {part for text in (local, user.name.casefold()) for part in re.split(r"[\W_]+", text)}
    parts |= {local, re.sub(r"[\W_]+", "", local), re.sub(r"\W+", "", user.name.casefold()), domain}
    parts |= set(domain.split(".")[:-1])
    return {word for word in (*SITE_WORDS, *whole, *parts) if len(word) >= SHORTEST_WORD}
