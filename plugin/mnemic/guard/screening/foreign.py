"""Directives about the reader in other languages than English: the plainest forms alone, by what they act on.

A sentence is found when it commands and acts on the reader's instructions, answer or nature. It is masked and no more
when it commands and names a machine's object: an address, an account, a tool, a password, the user. Other commands
("Vergiss nicht, die Blumen zu gießen") are left alone, for nothing here can tell whom they are meant for.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from mnemic.guard.operands import operands_in
from mnemic.guard.screening.clauses import Clause
from mnemic.guard.screening.language import is_foreign
from mnemic.guard.screening.plain import Plain, holds_any

_WORD = re.compile(r"[^\W\d_]+")
_SENTENCE = re.compile(r"[^.!?\u3002\u061f\u0964\n]{2,600}(?:\.(?=\S)[^.!?\u3002\u061f\u0964\n]{0,200}){0,8}")
_PART = re.compile(r"[^,;:\uff0c\uff1b\uff1a\u3001\u060c\u2013\u2014]+")
_TOOL = re.compile(r"\b[a-z]+_[a-z_]+\b|`[^`\n]{2,80}`|\w\(")

# Imperatives in languages with Latin letters: German, French, Spanish, Italian, Portuguese, Dutch, Polish, Swedish, Danish.
_IGNORE = frozenset(
    """ignoriere ignoriert vergiss vergesst missachte missachtet übergehe umgehe verwirf oublie oubliez ignore ignorez
    néglige négligez contourne ignora ignorad olvida olvide olvidad omite omita descarta desobedece ignorate
    dimentica dimenticate trascura scarta esqueça esquece desconsidere descarte negeer vergeet zignoruj ignoruj
    zapomnij pomiń ignorera glöm ignorer glem""".split()
)
_POLITE_IGNORE = frozenset("ignorieren vergessen missachten übergehen ignorer oublier ignorar olvidar".split())
_RULES = frozenset(
    """anweisungen anweisung instruktionen regeln befehle vorgaben richtlinien instructions consignes règles ordres
    directives instrucciones reglas órdenes normas directrices indicaciones istruzioni regole ordini instruções
    regras ordens instructies regels opdrachten aanwijzingen instrukcje instrukcji polecenia poleceń zasady
    zasad reguły instruktioner regler""".split()
)
_SO_FAR = frozenset(
    """vorherigen vorherige vorigen bisherigen bisherige früheren obigen vorangegangenen ursprünglichen deine deinen
    deiner eure ihre alle précédentes précédents antérieures tes vos toutes tous anteriores previas previos tus
    sus todas todos precedenti tue tuoi vostre tutte prévias suas tuas vorige eerdere voorgaande bovenstaande
    jouw je uw poprzednie wcześniejsze swoje swoich wszystkie tidigare föregående tidligere dina dine""".split()
)
_ANSWER = frozenset(
    """antworte antwortet erwidere réponds répondez responde responda contesta conteste rispondi rispondete antwoord
    odpowiadaj odpowiedz svara svar""".split()
)
_ONLY = frozenset(
    """nur immer stets jede jeden ausschließlich uniquement toujours seulement chaque toutes solo sólo siempre todas
    únicamente sempre soltanto solamente só apenas somente alleen altijd elke tylko zawsze każde bara alltid kun
    altid""".split()
)
_YOU_ARE = re.compile(
    r"\b(?:du bist|ihr seid|sie sind|tu es|vous êtes|eres|usted es|sei|siete|você é|tu és|je bent|u bent|jesteś|du är|du er)"
    r"\s(?:[\w'\u2019]+\s){0,4}(?:assistente?n?|asistente|assistant|modelo?l?|modèle|modello|ki|ia|ai|bot|chatbot|agente?|llm"
    r"|asystent\w*|model\w*)\b"
)
_NOW = re.compile(
    r"\b(?:jetzt|nun|ab sofort|fortan|désormais|maintenant|dorénavant|ahora|ora|adesso|agora|nu|voortaan|teraz|odtąd)\b"
)
_DO = frozenset(
    """sende schicke schick leite lösche lösch überweise zahle verrate nenne rufe führe starte öffne lade merke merk
    speichere empfiehl gib ersetze füge bestätige installiere kopiere teile veröffentliche kontaktiere bitte
    senden schicken überweisen löschen zahlen rufen führen öffnen envoie envoyez supprime supprimez efface
    effacez transfère transférez vire virez paie payez révèle révélez divulgue divulguez appelle appelez exécute
    exécutez lance lancez ouvre ouvrez télécharge souviens retiens mémorise recommande recommandez donne donnez
    remplace remplacez ajoute ajoutez installe copie partage publie contacte veuillez envía envíe envie reenvía
    borra borre elimina elimine transfiere transfiera paga pague revela revele divulga llama llame ejecuta
    ejecute abre abra descarga recuerda recuerde memoriza recomienda recomiende sustituye reemplaza añade agrega
    instala copia comparte publica contacta favor invia inviate cancella cancellate trasferisci rivela chiama
    esegui apri scarica ricorda memorizza consiglia sostituisci aggiungi installa condividi pubblica envia
    apague apaga exclua transfira divulgue chame execute baixe lembre recomende substitua adicione instale copie
    compartilhe publique stuur verstuur verwijder wis betaal onthul roep voer onthoud geef vervang voeg
    installeer kopieer wyślij usuń przelej zapłać ujawnij wywołaj uruchom otwórz pobierz zapamiętaj poleć podaj
    zastąp dodaj zainstaluj skopiuj udostępnij skicka radera betala""".split()
) | (_IGNORE | _ANSWER)  # fmt: skip
_OBJECTS = frozenset(
    """assistent assistente asistente chatbot sprachmodell api ki nutzer nutzers benutzer benutzers anwender passwort
    kennwort zugangsdaten utilisateur utilisatrice utilisateurs usuario usuarios contraseña utente utenti
    usuário senha gebruiker wachtwoord użytkownik użytkownika hasło användaren lösenord""".split()
)
# Commands told by their form: the polite ones of German and French, set phrases, and what somebody has to do.
_POLITE = re.compile(
    r"^\W{0,8}(?:\w+\s){0,2}?(?:\w{2,}(?:en|eln|ern) sie\b|\w{3,}ez\b|merci de\b|prière de\b|si prega di\b|se ruega\b"
    r"|favor de\b|u dient\b|gelieve\b|proszę\b)"
)
_MUST = re.compile(
    r"\b(?:du (?:musst|sollst)|sie (?:müssen|sollen)|(?:hast|haben) (?:du|sie) .{0,60}\bzu \w+en|tu dois|vous devez"
    r"|il faut|debes?|deberás|tienes que|tiene que|devi|dovete|deves?|tem que|je moet|u moet|musisz)\b"
)
_HEEDLESS = re.compile(
    r"\b(?:ne (?:tiens|tenez) (?:pas|aucun|plus) compte|(?:fais|faites) abstraction|(?:haz|haga|hagan) caso omiso"
    r"|n['\u2019](?:obéis|obéissez) (?:plus|pas)|ne (?:suis|suivez) (?:plus|pas)|no (?:sigas|siga|obedezcas|obedezca)"
    r"|folge\w* .{0,40}nicht|non seguire"
    r"|no hagas caso|non (?:tener|tenere|tenga) conto|scordati|lass\w* .{0,40}außer acht|beachte\w* .{0,40}nicht mehr"
    r"|nie zważaj)\b"
)
_SAID = re.compile(
    r"\b(?:demandé|dit|ordonné|pidieron|dijeron|ordenaron|gesagt|aufgetragen|befohlen|vorgegeben|richiest\w|detto|ricevut\w"
    r"|powiedziano|polecono)\b"
)
_TURKISH = re.compile(
    r"(?:talimat|kural|komut)\w*\s(?:\w+\s){0,2}?(?:yok\s?say|unut|görmezden\sgel|dikkate\salma)", re.I
)

# In other alphabets the words themselves tell the language.
_OVERRIDES = re.compile(
    r"(?:忽略|无视|無視|忘记|忘記|忘掉|不要理会|不要理會).{0,14}(?:指令|指示|规则|規則|命令|提示|要求|设定|設定)"
    r"|(?:指示|命令|ルール|規則|指令|プロンプト).{0,14}(?:無視|忘れ|破棄)"
    r"|(?:지시|명령|규칙|지침|프롬프트).{0,12}(?:무시|잊)"
    r"|(?:игнориру|проигнорируй|не следуй|не выполняй|не слушай|забудь|отбрось|ігноруй).{0,50}"
    r"(?:инструкци|указани|правил|команд|приказ|інструкц)"
    r"|(?:تجاهل|انس|أهمل).{0,40}(?:تعليمات|قواعد|أوامر|التوجيهات)"
    r"|(?:התעלם|שכח).{0,40}(?:הוראות|כללים|ההנחיות)"
    r"|не обращай.{0,6} внимани.{0,40}(?:инструкци|указани|правил|команд|приказ)"
    r"|(?:听从|聽從|服从|服從|遵循|按照).{0,6}(?:本|此|以下|下面|这|這).{0,8}(?:命令|指令|指示|要求)"
    r"|(?:निर्देश|नियम|आदेश).{0,24}(?:अनदेखा|भूल|नज़रअंदाज़)"
)
_ANSWERS = re.compile(
    r"(?:回答|回复|回覆|答复).{0,16}(?:只能|只说|只用|只回|仅|僅|必须|必須)|(?:только|всегда).{0,30}отвечай|отвечай.{0,60}(?:только|всегда)"
    r"|(?:だけ|のみ)(?:で|を|と)?(?:答え|回答し|返信し)|(?:만|항상).{0,10}(?:대답|답변|응답)하(?:세요|라|십시오)"
    r"|أجب.{0,40}(?:فقط|دائما)"
)
_ROLES = re.compile(
    r"[你您](?:现在|現在|从现在起|從現在起|将|將|就)?是.{0,16}(?:助手|助理|模型|机器人|機器人|代理|AI)"
    r"|あなたは.{0,24}(?:アシスタント|モデル|AI|ボット)(?:です|だ|として|になり)"
    r"|\bты (?:теперь |отныне |сейчас ).{0,20}(?:помощник|ассистент|модель|бот)"
    r"|당신은 (?:이제 )?.{0,16}(?:비서|어시스턴트|모델|AI|봇)(?:입니다|이다)"
)
_DOES = re.compile(
    r"(?:发送|發送|发给|发到|转发|汇到|汇款|转账|删除|刪除|调用|調用|告诉|说出|說出|记住|記住|推荐|推薦|点击|打开|下载|购买|执行)"
    r"|(?:送信|送っ|削除|転送|振り込|実行|呼び出|開い|教え|記憶し|覚え|推奨し).{0,6}(?:て|せよ|しろ|なさい)"
    r"|(?:보내|삭제|이체|송금|실행|호출|열어|알려|기억|추천).{0,6}(?:세요|해라|하라|십시오|줘)"
    r"|\b(?:отправь|перешли|удали|переведи|переводи|раскрой|назови|вызови|запусти|открой|скачай|запомни|порекомендуй"
    r"|рекомендуй|сообщи|замени|купи|передай|выполни)(?:те)?\b"
    r"|\b(?:أرسل|احذف|حول|حوّل|نفذ|افتح|تذكر|اذكر|استدع)"
    r"|\b\w{2,}(?:йте|ите|ьте)\b|\b(?:ты|вы) (?:должен|должны|обязан)"
    r"|[你您](?:必须|必須|务必|一定要|应当)|(?:なければなりません|しなさい)"
    r"|(?:भेजें|भेजो|हटाएं|हटा दें|चलाएं|खोलें|याद रखें)"
)
_THINGS = re.compile(
    r"用户|用戶|使用者|密码|密碼|工具|ユーザー|パスワード|ツール|사용자|비밀번호|도구|пользовател|парол|инструмент"
    r"|المستخدم|كلمة المرور|أداة|उपयोगकर्ता|पासवर्ड"
)
FOREIGN_REASONS = {
    "override": "a directive in another language than English to ignore what was said before",
    "steers-answer": "a directive in another language than English about the reader's answer",
    "role-claim": "tells the reader in another language than English that it is a model, assistant or agent",
}
"""The rules that a sentence may break, with what is said of it."""

_TRIGGERS = _DO | _POLITE_IGNORE
_YOU = frozenset("du ihr tu vous eres usted sei siete você jesteś bent talimatlar\u0131 talimat kurallar\u0131".split())
_WATCHED = _TRIGGERS | _YOU
_SCRIPT = re.compile("[\u0400-\u1fff\u3040-\ud7ff]")
# What is the same in every language tells none.
_CODE_MARKS = ("@", "://", "`", "_")
_CODE = re.compile(r"`[^`\n]{1,200}`|\S{1,200}(?:://|@)\S{1,200}|\b\w+_\w+\b")
_LATIN_START = 6
_MOST_WORDS = 60
_NOTHING = "nothing"


class Foreign(NamedTuple):
    """A sentence that commands, from ``start`` to before ``end``; ``rule`` is what it breaks, None if it is masked alone."""

    start: int
    end: int
    rule: str | None


def foreign_directives(plain: Plain, judged: Iterable[tuple[Clause, bool | None]]) -> Iterator[Foreign]:
    """The sentences that direct their reader in another language than English.

    ``judged`` are the clauses, each with what `is_foreign` says of it: those in English are not looked at.
    """
    for clause, foreign in judged:
        elsewhere = not clause.low.isascii() and _SCRIPT.search(clause.low) is not None
        marked = holds_any(clause.low, _CODE_MARKS)
        if elsewhere or marked or foreign is not False:
            for sentence in _SENTENCE.finditer(plain.low, clause.start, clause.end):
                written = plain.text[sentence.start() : sentence.end()]
                rule = _judge(sentence[0], written, by_form=marked or foreign is True)
                if rule is not _NOTHING:
                    yield Foreign(sentence.start(), sentence.end(), rule or None)


def _judge(said: str, written: str, *, by_form: bool) -> str:
    """The rule that a sentence breaks, "" if it is only masked, `_NOTHING` if it may stand."""
    if not said.isascii() and _SCRIPT.search(said):
        return _other_script(said, written)
    words = set(_WORD.findall(said)[:_MOST_WORDS])
    told = not _WATCHED.isdisjoint(words) or (
        by_form and any(form.search(said) for form in (_POLITE, _MUST, _HEEDLESS))
    )
    if not told or is_foreign(_CODE.sub(" ", written)) is False:
        return _NOTHING
    rule = _latin(said, words)
    if rule is None:
        return "" if _commands_machine(said, written, words) else _NOTHING
    return rule


def _latin(said: str, words: set[str]) -> str | None:
    for part in _PART.findall(said):
        first = _WORD.findall(part)[:_LATIN_START]
        ignores = not _IGNORE.isdisjoint(first) or (
            not _POLITE_IGNORE.isdisjoint(first) and not {"sie", "bitte", "veuillez", "favor"}.isdisjoint(first)
        )
        if ignores and not _RULES.isdisjoint(words) and not _SO_FAR.isdisjoint(words):
            return "override"
        if not _ANSWER.isdisjoint(first) and not _ONLY.isdisjoint(words):
            return "steers-answer"
    if _YOU_ARE.search(said) and _NOW.search(said):
        return "role-claim"
    heedless = _HEEDLESS.search(said) and (_SAID.search(said) or not _RULES.isdisjoint(words))
    return "override" if heedless or _TURKISH.search(said) else None


def _commands_machine(said: str, written: str, words: set[str]) -> bool:
    begins = (
        _MUST.search(said)
        or _POLITE.search(said)
        or any(not _DO.isdisjoint(_WORD.findall(part)[:_LATIN_START]) for part in _PART.findall(said))
    )
    return bool(begins) and (not _OBJECTS.isdisjoint(words) or "mot de passe" in said or _names_object(written))


def _other_script(said: str, written: str) -> str:
    for rule, pattern in (("override", _OVERRIDES), ("steers-answer", _ANSWERS), ("role-claim", _ROLES)):
        if pattern.search(said):
            return rule
    return "" if _DOES.search(said) and (_THINGS.search(said) or _names_object(written)) else _NOTHING


def _names_object(written: str) -> bool:
    """A mail address, a whole link, an account or another long number, a tool or code: not the bare name of a site."""
    return "@" in written or "://" in written or bool(_TOOL.search(written) or operands_in(written).things)
