"""Whether a text is English, told by its function words: only then can rules about wording judge it."""

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
# Function words of other languages in Latin letters; words that English has too are left out.
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
    tidak ini itu dari pada ke atau ne je si
    na nas nos das às pela pelo deve devem já também são está muito foi ele ela eles aos quando isso essa esse
    vom zum zur beim wie nur wenn dann dass kann werden wurde hat im am dein deine deinen mein seine ihre ihren
    leur leurs cela ces aussi tous toutes fait peut dois doit comme chez entre sans tu te ton ta tes
    todos todas cuando donde desde hasta ser puede debe hay nos les eso esa ese del
    dei alle nella sulla degli delle ogni quando dove deve essere stato tua tuo tuoi
    aan bij wordt worden heeft kan zich naar uit alle hun jouw geen wel nog toen
    han hon ett vid kan ska skal blir från till efter eller alla ble være vil kunne ved
    tym tego jego ich gdy kiedy tylko bardzo może został tak być są
    că și sau într din pe cu este sunt după când pentru nu fără toate
    je se že na pro ale nebo jako jsou podle všechny před není
    és az egy hogy nem meg vagy minden után előtt
    ja on ei että kun niin kaikki ovat sekä myös ennen jälkeen
    akan juga telah adalah oleh kepada anda semua sebelum sudah karena sebagai
    na ya wa kwa za katika ang ng mga sa hindi lahat ili koji kao za sve od ne će
    các của và cho không là một được này đã trong người""".split()
    )
    - _ENGLISH
    - frozenset("as do no a en me we per die war man pro de o w du am on in to ton ten pe hat is et".split())
)
# English words that are as frequent in others of these languages tell nothing.
_TELLS_ENGLISH = _ENGLISH - frozenset("a am an as do he i in me no on so".split())

# Function words that of these languages German alone has: it writes every noun with a capital.
_GERMAN = frozenset(
    """und nicht ist für wird werden wurde wurden wenn oder auch eine einen einem einer eines zum zur dass muss kann noch
    nach nur immer bevor zuerst danach""".split()
)

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


def are_english(*texts: str) -> bool:
    """Whether all of them are told to be English: of others nobody here knows the word that denies from the rest."""
    return all(is_foreign(text) is False for text in texts)


def capitalises_nouns(text: str) -> bool:
    """Whether a text is German, where a capital letter does not tell a name from any other noun."""
    words = _WORD.findall(text[:_CHARACTERS_READ].lower())
    german = sum(map(_GERMAN.__contains__, words))
    return german > sum(map(_TELLS_ENGLISH.__contains__, words))
