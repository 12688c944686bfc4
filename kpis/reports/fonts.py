"""The fonts of a PDF, and any text as markup in them.

Vera comes with reportlab and is embedded; it has the letters of Western Europe. A text with others
is set in the one of these that has most of them:

- DejaVu Sans and Droid Sans Fallback, where the machine has them (Debian: fonts-dejavu-core and
  fonts-droid-fallback), embedded. One has Cyrillic, Greek and all of Latin, also Arabic and Hebrew,
  but these neither joined nor from right to left; the other Chinese and Japanese.
- The three fonts for Chinese, Japanese and Korean that PDF readers know by name and show in one of
  their own; not embedded. They have Cyrillic and Greek, too, widely spaced.

A letter that is in none loses its accent; what has none, as emoji, Thai and Indic letters, becomes
a question mark. XLSX has no such limits.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from itertools import groupby
from operator import itemgetter
from xml.sax.saxutils import escape

from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfbase.pdfmetrics import registerFont, registerFontFamily, stringWidth
from reportlab.pdfbase.ttfonts import TTFError, TTFont

REGULAR, BOLD = "Vera", "VeraBd"
_OF_SYSTEMS = ("DejaVuSans", "DroidSansFallbackFull")
# The encoding tells which characters the font has: those of the national standard.
_OF_READERS = {"HeiseiKakuGo-W5": "shift_jis", "STSong-Light": "gbk", "HYGothic-Medium": "cp949"}
_INVISIBLE = frozenset({"Cc", "Cf", "Cs"})
_MARKS = frozenset({"Mn", "Me"})

Covers = Callable[[str], bool]


def markup(text: str) -> str:
    """This text for a Paragraph: as it is, none of it taken for markup."""
    words = " ".join(unicodedata.normalize("NFC", text).split())
    plain = "".join(c for c in words if unicodedata.category(c) not in _INVISIBLE)
    lacking = {character for character in plain if not _in_vera(character)}
    if not lacking:
        return escape(plain)
    others = _others()
    other = max(others, key=lambda name: sum(map(others[name], lacking)))
    written = (_written(character, other, others[other]) for character in plain)
    runs = (
        (font, escape("".join(letters for _, letters in run)))
        for font, run in groupby(written, itemgetter(0))
    )
    # Without a name where it can be: it would end what is bold.
    return "".join(r if font == REGULAR else f'<font name="{font}">{r}</font>' for font, r in runs)


def _written(character: str, other: str, in_other: Covers) -> tuple[str, str]:
    """The font, and the character or what stands for it."""
    decomposed = unicodedata.normalize("NFKD", character)
    base = "".join(c for c in decomposed if unicodedata.category(c) not in _MARKS)
    for letters in (character, base):
        for font, has in ((REGULAR, _in_vera), (other, in_other)):
            if letters and all(map(has, letters)):
                return font, letters
    return REGULAR, "?" if base else ""


@cache
def _others() -> dict[str, Covers]:
    """Only loaded where a text needs them: they have thousands of characters."""
    found: dict[str, Covers] = {}
    for name in _OF_SYSTEMS:
        with suppress(TTFError):  # not where reportlab knows that systems keep their fonts
            font = TTFont(name, f"{name}.ttf")
            registerFont(font)
            registerFontFamily(name)
            found[name] = _in_glyphs_of(font)
    for name, encoding in _OF_READERS.items():
        registerFont(UnicodeCIDFont(name))
        found[name] = _in_encoding(encoding)
    return found


def _in_glyphs_of(font: TTFont) -> Covers:
    glyphs = frozenset(font.face.charToGlyph)
    return lambda character: ord(character) in glyphs


def _in_encoding(encoding: str) -> Covers:
    def covers(character: str) -> bool:
        try:
            character.encode(encoding)
        except UnicodeEncodeError:
            return False
        return True

    return covers


def fitting_size(text: str, *, font: str, size: float, width: float) -> float:
    """This size, or the smaller one in which the text is not wider."""
    return min(size, size * width / max(width_of(text, font=font, size=size), 0.1))


def width_of(text: str, *, font: str, size: float) -> float:
    return float(stringWidth(text, font, size))


def _vera() -> Covers:
    fonts = [TTFont(name, f"{name}.ttf") for name in (REGULAR, BOLD)]
    for font in fonts:
        registerFont(font)
    registerFontFamily(REGULAR, normal=REGULAR, bold=BOLD, italic=REGULAR, boldItalic=BOLD)
    registerFontFamily(BOLD, normal=BOLD, bold=BOLD, italic=BOLD, boldItalic=BOLD)
    return _in_glyphs_of(fonts[0])


_in_vera = _vera()
