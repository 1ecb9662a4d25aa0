"""The encoding of a text file that does not say it."""

import codecs

from langcodes import Language

BYTE_ORDER_MARKS = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
# What editors of Windows wrote before UTF-8, by language; all others are Western. Measured: guessing by the bytes reads
# two lines of French as Baltic, and one as Chinese.
CODE_PAGES = {
    "cp1250": "bs cs hr hu pl ro sk sl sq",
    "cp1251": "be bg kk mk ru sr uk",
    "cp1253": "el",
    "cp1254": "az tr",
    "cp1255": "he yi",
    "cp1256": "ar fa ur",
    "cp1257": "et lt lv",
    "cp1258": "vi",
    "cp874": "th",
    "cp932": "ja",
    "cp949": "ko",
    "gb18030": "zh",
}
CODE_PAGE_OF = {language: page for page, languages in CODE_PAGES.items() for language in languages.split()}
TRADITIONAL_CHINESE, WESTERN = "cp950", "cp1252"


def decoded(content: bytes, language: str, charset: str = "") -> str:
    """Return the text of the file: in UTF-8 or UTF-16, in `charset`, or as files of that language used to be.

    `language` is a BCP 47 tag, `charset` what the sender says, "" for nothing. Raises UnicodeError where the file is in
    none of them.
    """
    for mark, name in BYTE_ORDER_MARKS.items():
        if content.startswith(mark):
            return content.decode(name)
    if b"\0" in content[:2]:
        # UTF-16 of a text that begins in ASCII, as text tracks do.
        return content.decode("utf-16-be" if content[:1] == b"\0" else "utf-16-le")
    for name in ("utf-8", _known(charset), code_page(language)):
        try:
            return content.decode(name) if name else content.decode("utf-8")
        except UnicodeDecodeError:
            continue
    return content.decode("latin-1")  # has every byte


def code_page(language: str) -> str:
    """Return the encoding that text of this language had before UTF-8."""
    tag = Language.get(language).maximize()
    if tag.language == "zh" and tag.script == "Hant":
        return TRADITIONAL_CHINESE
    return CODE_PAGE_OF.get(tag.language or "", WESTERN)


def _known(charset: str) -> str:
    """Return the name of a text encoding, "" where `charset` is none."""
    try:
        found = codecs.lookup(charset)
    except (LookupError, ValueError):
        return ""
    # Such as base64, which decodes bytes to bytes.
    return found.name if getattr(found, "_is_text_encoding", True) else ""
