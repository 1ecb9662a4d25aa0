"""Paths that answer with and without a trailing slash."""

import re
from collections.abc import Callable
from typing import Any

from django.urls import URLPattern, re_path

ANY_36 = "[0-9a-f-]{36}"
UUID = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"


def route(pattern: str, view: Callable[..., Any], *, name: str | None = None) -> URLPattern:
    """Return the URL pattern for `pattern`, a regular expression without anchors or trailing slash.

    One pattern, not two: two would be two operations with one id in the schema. `[0-9a-f-]{36}` is narrowed to
    the form of a UUID, so that 36 hyphens are an unknown path and not an error of the database.
    """
    narrow = pattern.strip("/").replace(ANY_36, UUID)
    re.compile(narrow)
    return re_path(rf"^{narrow}/?$", view, name=name)
