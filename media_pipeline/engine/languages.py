"""Language tags: films use three letters (ISO 639-2), players want two (BCP 47), and the packager refuses others."""

UNKNOWN = "und"
# Two letters: the language's own name, for a player's menu, and its three-letter codes in a film.
LANGUAGES = {
    "ar": ("العربية", "ara"),
    "bg": ("Български", "bul"),
    "cs": ("Čeština", "ces", "cze"),
    "da": ("Dansk", "dan"),
    "de": ("Deutsch", "deu", "ger"),
    "el": ("Ελληνικά", "ell", "gre"),
    "en": ("English", "eng"),
    "es": ("Español", "spa"),
    "fa": ("فارسی", "fas", "per"),
    "fi": ("Suomi", "fin"),
    "fr": ("Français", "fra", "fre"),
    "he": ("עברית", "heb"),
    "hi": ("हिन्दी", "hin"),
    "hr": ("Hrvatski", "hrv"),
    "hu": ("Magyar", "hun"),
    "id": ("Bahasa Indonesia", "ind"),
    "it": ("Italiano", "ita"),
    "ja": ("日本語", "jpn"),
    "ko": ("한국어", "kor"),
    "nl": ("Nederlands", "nld", "dut"),
    "no": ("Norsk", "nor", "nob"),
    "pl": ("Polski", "pol"),
    "pt": ("Português", "por"),
    "ro": ("Română", "ron", "rum"),
    "ru": ("Русский", "rus"),
    "sv": ("Svenska", "swe"),
    "th": ("ไทย", "tha"),
    "tr": ("Türkçe", "tur"),
    "uk": ("Українська", "ukr"),
    "vi": ("Tiếng Việt", "vie"),
    "zh": ("中文", "zho", "chi"),
}
_SHORT = {long: code for code, (_, *longs) in LANGUAGES.items() for long in longs}


def short_code(language: str) -> str:
    """Return the two-letter code of `language`, "und" for a tag that is missing or not in the table."""
    code = _SHORT.get(language, language)
    return code if code in LANGUAGES else UNKNOWN


def language_name(code: str) -> str:
    """Return the language's own name for a menu."""
    return LANGUAGES[code][0] if code in LANGUAGES else "Original"
