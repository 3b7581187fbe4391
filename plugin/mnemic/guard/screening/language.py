"""Whether a text is English, told by its function words: only then can the rules about wording judge it."""

from __future__ import annotations

import re

from mnemic.domain.text import STOP_WORDS

_WORD = re.compile(r"[^\W\d_]+(?:['\u2019][^\W\d_]+)?")
_ENGLISH = STOP_WORDS | frozenset(
    """all also because before after between both each every few first get go here just know let like make many may
    more most much must need new now one only other please said see shall since still take tell thank thanks through
    two under until upon us use used want way well while within without yes yet you'll you're i'm i'll i've don't it's
    can't hi hello dear regards team next last send""".split()
)
# Function words of ten other languages in Latin letters; words that English has too are left out.
_FOREIGN = (
    frozenset(
        """der das und ist nicht mit sie ich wir ihr ein eine einen einem einer auf für von zu dem den des sich auch oder
    wenn
    bitte wird sind haben noch nach über bei aus diese dieser alle le la les des une est que qui dans pour pas avec sur
    vous nous je il elle ce cette votre notre mais ou où sont être à au aux du en et el los las una por con para del se
    no lo como más pero su sus sobre este esta tu usted ya muy sin mi di il che è un per non con sono gli della nel
    questo questa anche come più ma loro o os as um uma não por com você seu sua dos ao mais foi het een van en niet
    zijn voor met dat ook deze maar wij jij naar och att det som på är av för inte jag den til jeg ikke og af du w na
    nie się że jest do za oraz przez jak ale czy dla po od są ve bir bu için ile değil olarak dan yang dengan untuk
    tidak ini itu dari pada ke atau ne je si""".split()
    )
    - _ENGLISH
    - frozenset("as do no a en me we per die war man pro de o w du".split())
)
# English words that are as frequent in others of these languages tell nothing.
_TELLS_ENGLISH = _ENGLISH - frozenset("a am an as do he i in me no on so".split())

MIN_WORDS = 6
"""Shorter pieces have too few words to tell a language."""
_CHARACTERS_READ = 400


def is_foreign(piece: str) -> bool | None:
    """Whether a piece of text is in another language than English. None: too short, or nothing speaks either way."""
    piece = piece[:_CHARACTERS_READ]
    if len(piece) < MIN_WORDS * 2 or (piece.isascii() and piece.count(" ") < MIN_WORDS - 1):
        return None
    words = _WORD.findall(piece.lower())
    ascii_only = piece.isascii()
    letters = 0 if ascii_only else sum(map(len, words))
    # Scripts without spaces between words: count letters instead.
    other_script = 0 if ascii_only else sum(char > "\u024f" for word in words for char in word)
    if other_script * 2 > letters and letters >= MIN_WORDS * 2:
        return True
    if len(words) < MIN_WORDS:
        return None
    english = sum(map(_TELLS_ENGLISH.__contains__, words))
    foreign = sum(map(_FOREIGN.__contains__, words))
    if foreign > english and foreign * 8 >= len(words):
        return True
    accented = 0 if ascii_only else sum(char > "\x7f" for word in words for char in word)
    if english == 0 and accented * 12 > letters:
        return True
    return False if english else None
