"""Tells in which encoding a text is: surely from some bytes, else the likely one, for advice."""

import codecs
import re
from collections.abc import Callable

import charset_normalizer

# What bytes of several make up, and scripts of their own, are told apart by what is frequent.
_EAST_ASIAN = ("gb", "big5", "cp9", "euc", "shift_jis", "johab")  # as encodings begin
_SCRIPTS = frozenset(("Cyrillic", "Greek and Coptic", "Arabic", "Thai"))
_USUAL = {"cp1125": "cp866"}  # what is Ukrainian beside what is Russian
# Others by the letters that a language has beside those of ASCII; the first that has all of them.
# fmt: off
_ALPHABETS = (
    ("äöüßéàèáíóúñçêâîôûëïæøåœ¿¡ªº", ("cp1252",)),  # German, French, Spanish, Danish and others
    ("àèìòùéóãõâêôáíúçüñ", ("cp1252",)),  # Italian, Portuguese
    ("áéíóúýþæöð", ("cp1252",)),  # Icelandic
    ("çğıi̇öşüâîû", ("cp1254", "iso8859-9")),  # Turkish
    ("ąćęłńóśźż", ("cp1250", "iso8859-2")),  # Polish
    ("áčďéěíňóřšťúůýžľĺŕôä", ("cp1250", "iso8859-2")),  # Czech, Slovak
    ("áéíóöőúüű", ("cp1250", "iso8859-2")),  # Hungarian
    ("čćđšž", ("cp1250", "iso8859-2")),  # Croatian, Slovene
    ("ăâîşţ", ("cp1250", "iso8859-2")),  # Romanian
    ("ąčęėįšųūž", ("cp1257", "iso8859-13")),  # Lithuanian
    ("āčēģīķļņōŗšūž", ("cp1257", "iso8859-13")),  # Latvian
    ("äõöüšž", ("cp1257", "iso8859-13")),  # Estonian
)
# fmt: on
_HEBREW = re.compile("[\u05d0-\u05ea]")
_MIXED = re.compile("[a-zA-Z][\u05d0-\u05ea]|[\u05d0-\u05ea][a-zA-Z]")  # what no word is
_MARKS = frozenset("“”„‚‘’«»‹›–—…•·°€£§©®™\xa0")  # of any language
_FEWEST = 0.98  # share of the letters that must be those of the language


def own_encoding(head: bytes) -> str:
    """Returns the encoding that the first bytes of a text leave no doubt of, else UTF-8."""
    if head.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        return "utf-32"
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    # There is none in UTF-8 that is text, and in UTF-16 one beside every ASCII character.
    if head.count(0) > len(head) / 5 or (0 in head and not _is_utf8(head)):
        feeds = {
            codec: head[: len(head) // 2 * 2].decode(codec, "replace").count("\n")
            for codec in ("utf-16-le", "utf-16-be")
        }
        likely, other = sorted(feeds, key=feeds.get, reverse=True)
        if feeds[likely] and not feeds[other]:
            return likely
    return "utf-8"


def _is_utf8(head: bytes) -> bool:
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return False
    return True


def likely_encoding(data: bytes) -> str | None:
    """Returns the encoding, no UTF, that some bytes of a text look like; None if none stands out.

    charset-normalizer knows those of East Asia, and which of one script is meant. Where they share
    most bytes, as those of Latin letters do, and Hebrew with Cyrillic, letters decide.
    """
    if found := _by_letters(data):
        return found
    best = charset_normalizer.from_bytes(data).best()
    if best is None:
        return None
    is_told = best.encoding.startswith(_EAST_ASIAN) or not _SCRIPTS.isdisjoint(best.alphabets)
    return _USUAL.get(best.encoding, best.encoding.replace("_", "-")) if is_told else None


def _by_letters(data: bytes) -> str | None:
    """Returns the first encoding in which a text has the letters of one language."""
    hebrew = data.decode("cp1255", "replace")
    if _HEBREW.search(hebrew) and not _MIXED.search(hebrew) and _is_of(hebrew, _HEBREW.match):
        return "cp1255"
    if _MARKS.issuperset(each for each in data.decode("cp1252", "replace") if each > "\x7f"):
        return "cp1252"
    for alphabet, encodings in _ALPHABETS:
        for encoding in encodings:
            if _is_of(data.decode(encoding, "replace").lower(), alphabet.__contains__):
                return encoding
    return None


def _is_of(text: str, is_letter: Callable) -> bool:
    """Returns whether what is not ASCII in a text are nearly all letters of a language."""
    others = [each for each in text if each > "\x7f" and each not in _MARKS]
    return bool(others) and sum(map(bool, map(is_letter, others))) >= _FEWEST * len(others)
