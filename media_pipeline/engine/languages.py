"""Language tags: videos use ISO 639 codes of two or three letters, players want BCP 47, and so does the packager."""

from functools import cache

from langcodes import Language, standardize_tag
from langcodes.tag_parser import LanguageTagError

from media_pipeline.engine.film import TextKind

UNKNOWN = "und"
# A table's key and a file's name; the longest tag in use has about 20 characters.
LONGEST_TAG = 35
TITLES: dict[TextKind, str] = {"subtitles": "", "captions": " (CC)", "forced": " (forced)"}


@cache
def language_tag(language: str) -> str:
    """Return the shortest BCP 47 tag of `language`, "und" for none or what is not a tag."""
    if not language.isascii() or len(language) > LONGEST_TAG:
        return UNKNOWN
    try:
        tag = standardize_tag(language)
    except LanguageTagError:
        return UNKNOWN
    return tag if Language.get(tag).language not in (None, UNKNOWN) else UNKNOWN


@cache
def language_name(tag: str) -> str:
    """Return the language's own name for a menu; the tag itself where it has none."""
    if tag == UNKNOWN:
        return "Original"
    name = Language.get(tag).autonym()
    # A comma would end the field in the packager's description of a stream.
    return tag if name.startswith("Unknown language") else (name[:1].upper() + name[1:]).replace(",", "")


def track_title(tag: str, kind: TextKind) -> str:
    """Return what a menu calls a text track: each kind of a language has a title of its own."""
    return f"{language_name(tag)}{TITLES[kind]}"
