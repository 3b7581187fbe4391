"""Directives about the reader in other languages than English: the plainest forms alone, by what they act on.

A sentence is found when it commands and acts on the reader's instructions, answer or nature. It is masked and no more
when it commands and names a machine's object: an address, an account, a tool, a password, the user. Other commands
("Vergiss nicht, die Blumen zu gießen") are left alone, for nothing here can tell whom they are meant for.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from mnemic.domain.language import is_foreign
from mnemic.guard.operands import operands_in
from mnemic.guard.screening.clauses import Clause
from mnemic.guard.screening.foreign_settled import settled_elsewhere
from mnemic.guard.screening.foreign_words import ANSWER, DO, IGNORE, OBJECTS, ONLY, POLITE_IGNORE, RULES, SO_FAR
from mnemic.guard.screening.plain import Plain, holds_any

_WORD = re.compile(r"[^\W\d_]+")
_SENTENCE = re.compile(r"[^.!?\u3002\u061f\u0964\n]{2,600}(?:\.(?=\S)[^.!?\u3002\u061f\u0964\n]{0,200}){0,8}")
_PART = re.compile(r"[^,;:\uff0c\uff1b\uff1a\u3001\u060c\u2013\u2014]+")
_TOOL = re.compile(r"\b[a-z]+_[a-z_]+\b|`[^`\n]{2,80}`|\w\(")

_YOU_ARE = re.compile(
    r"\b(?:du bist|ihr seid|sie sind|tu es|vous êtes|eres|usted es|sei|siete|você é|tu és|je bent|u bent|jesteś|du är|du er)"
    r"\s(?:[\w'\u2019]+\s){0,4}(?:assistente?n?|asistente|assistant|modelo?l?|modèle|modello|ki|ia|ai|bot|chatbot|agente?|llm"
    r"|asystent\w*|model\w*)\b"
)
# What somebody has to say is an order about the answer.
_MUST_ANSWER = re.compile(
    r"\b(?:du (?:musst|sollst|wirst)|sie (?:müssen|sollen)|tu dois|vous devez|il faut|debes?|deberás|tienes que"
    r"|tiene que|devi|dovete|deves?|tem que|je moet|u moet|musisz) (?:[\w'\u2019]+ ){0,8}?"
    r"(?:antworten|erwidern|empfehlen|behaupten|répondre|recommander|affirmer|dire|responder|contestar|recomendar|decir"
    r"|afirmar|rispondere|consigliare|dizer|antwoorden|aanbevelen|zeggen|odpowiadać|odpowiedzieć|polecać|mówić)\b"
)
# Who is spoken to so is one reader, not the readers of a form; and "all the questions" are those of an examination.
_FAMILIAR = re.compile(r"du |tu |debes|deberás|tienes|devi|deves|je |musisz")
_SAYS = re.compile(r"(?:dire|decir|dizer|zeggen|mówić)$")  # children are told to always say thanks
_ALL = frozenset("jede jeden chaque toutes todas todos tous elke każde alle".split())
_NOW = re.compile(
    r"\b(?:jetzt|nun|ab sofort|fortan|künftig|désormais|maintenant|dorénavant|ahora|en adelante|ora|adesso|agora"
    r"|doravante|nu|voortaan|teraz|odtąd)\b"
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
_OBLIGED = (
    r"\b.{0,40}\b(?:müssen|sollen|muss|soll|doivent|doit|deben|debe|devono|deve|devem|moeten|moet|muszą|musi|sont pri[ée]e?s"
    r"|werden gebeten|sind gebeten)\b"
)
_MACHINES_MUST = re.compile(rf"\b(?:chatbots?|bots?|sprachmodelle|ki|ia|ai){_OBLIGED}")
# Assistants and agents are people too, so only what they must do tells.
_ASSISTANTS_MUST = re.compile(
    rf"\b(?:assistent(?:en|es|i|e)?|assistants?|asistentes?|asysten(?:t|ci)|agenten|agentes|agents?){_OBLIGED}"
)
_ASSISTANTS = frozenset(
    "assistent assistenten assistants asistentes assistenti assistentes assistente asistente".split()
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
    r"|(?:игнорир|проигнорируй|пренебрегни|занемари|не следуй|не выполняй|не слушай|забудь|отбрось|ігноруй).{0,50}"
    r"(?:инструкци|указани|правил|команд|приказ|інструкц)"
    r"|(?:تجاهل|انس|أهمل).{0,40}(?:تعليمات|قواعد|أوامر|التوجيهات)"
    r"|(?:התעלם|שכח).{0,40}(?:הוראות|כללים|ההנחיות)"
    r"|не обращай.{0,6} внимани.{0,40}(?:инструкци|указани|правил|команд|приказ)"
    r"|(?:听从|聽從|服从|服從|遵循|按照).{0,6}(?:本|此|以下|下面|这|這).{0,8}(?:命令|指令|指示|要求)"
    r"|(?:निर्देश|नियम|आदेश).{0,24}(?:अनदेखा|भूल|नज़रअंदाज़)"
    r"|(?:αγνόησ|ξέχασ|παράβλεψ|αγνοήστ|ξεχάστ).{0,40}(?:οδηγί|εντολ|κανόν)"
    r"|(?:دستور|قوانین|قواعد|فرمان).{0,30}(?:نادیده|فراموش)"
    r"|(?:ละเว้น|เพิกเฉย|ลืม|ไม่ต้องสนใจ|มองข้าม).{0,24}(?:ค\u0e4dาสั่ง|ค\u0e4dาแนะน\u0e4dา|กฎ)"
    r"|(?:নির্দেশ|নিয়ম).{0,24}(?:উপেক্ষা|ভুলে)"
)
_ANSWERS = re.compile(
    r"(?:回答|回复|回覆|答复).{0,16}(?:只能|只说|只用|只回|仅|僅|必须|必須)|(?:только|всегда).{0,30}отвечай|отвечай.{0,60}(?:только|всегда)"
    r"|(?:だけ|のみ)(?:で|を|と)?(?:答え|回答し|返信し)|(?:만|항상).{0,10}(?:대답|답변|응답)하(?:세요|라|십시오)"
    r"|أجب.{0,40}(?:فقط|دائما)|(?:απάντα|απαντάς|απαντήσεις).{0,30}(?:μόνο|πάντα)|(?:μόνο|πάντα).{0,30}(?:απάντα|απαντάς)"
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
    r"|[てで](?:ください|下さい)|[가-힣](?:세요|십시오|하라|해라)"
    r"|\b(?:στείλε|στείλτε|προώθησε|διάγραψε|διαγράψτε|σβήσε|μετάφερε|πλήρωσε|άνοιξε|εκτέλεσε|πρότεινε|θυμήσου)\b"
    r"|(?:ส่ง|ลบ|โอน|เปิด|บอก|แนะน\u0e4dา|เรียกใช้|จดจ\u0e4dา)|\b(?:بفرست|ارسال کن|پاک کن|حذف کن|اجرا کن)"
    r"|\b(?:отправь|перешли|удали|переведи|переводи|раскрой|назови|вызови|запусти|открой|скачай|запомни|порекомендуй"
    r"|рекомендуй|сообщи|замени|купи|передай|выполни)(?:те)?\b"
    r"|\b(?:أرسل|احذف|حول|حوّل|نفذ|افتح|تذكر|اذكر|استدع)"
    r"|\b\w{2,}(?:йте|ите|ьте)\b|\b(?:ты|вы) (?:должен|должны|обязан)"
    r"|[你您](?:必须|必須|务必|一定要|应当)|(?:なければなりません|しなさい)"
    r"|(?:भेजें|भेजो|हटाएं|हटा दें|चलाएं|खोलें|याद रखें)"
)
_THINGS = re.compile(
    r"чат-?бот|ассистент|помощник|助手|智能体|机器人|機器人|アシスタント|エージェント|ボット|챗봇|어시스턴트|مساعد|روبوت"
    r"|用户|用戶|使用者|密码|密碼|工具|ユーザー|パスワード|ツール|사용자|비밀번호|도구|пользовател|парол|инструмент"
    r"|المستخدم|كلمة المرور|أداة|उपयोगकर्ता|पासवर्ड|χρήστη|κωδικ|ผู้ใช้|รหัสผ่าน|کاربر|رمز عبور|משתמש|סיסמ"
)
# The users themselves are asked for something.
_TO_USERS = re.compile(r"ユーザー(?:の皆様|の皆さま|の皆さん|様|各位)?は|사용자(?:는|께서는|님|분들?은|\s?여러분)")
FOREIGN_REASONS = {
    "override": "a directive in another language than English to ignore what was said before",
    "steers-answer": "a directive in another language than English about the reader's answer",
    "role-claim": "tells the reader in another language than English that it is a model, assistant or agent",
}
"""The rules that a sentence may break, with what is said of it."""

_DO = DO | IGNORE | ANSWER
_TRIGGERS = _DO | POLITE_IGNORE
_YOU = frozenset("du ihr tu vous eres usted sei siete você jesteś bent talimatlar\u0131 talimat kurallar\u0131".split())
_WATCHED = _TRIGGERS | _YOU
_SCRIPT = re.compile("[\u0370-\u1dff\u1f00-\u1fff\u3040-\ud7ff]")
_LATIN_WORD = re.compile("[a-z\u00df-\u024f]{4}")
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
                if rule is _NOTHING and settled_elsewhere(sentence[0], written):
                    rule = ""
                if rule is not _NOTHING:
                    yield Foreign(sentence.start(), sentence.end(), rule or None)


def _judge(said: str, written: str, *, by_form: bool) -> str:
    """The rule that a sentence breaks, "" if it is only masked, `_NOTHING` if it may stand."""
    if not said.isascii() and _SCRIPT.search(said):
        rule = _other_script(said, written)
        if rule is not _NOTHING or not _LATIN_WORD.search(said):
            return rule
    words = set(_WORD.findall(said)[:_MOST_WORDS])
    told = not _WATCHED.isdisjoint(words) or (
        by_form and any(form.search(said) for form in (_POLITE, _MUST, _HEEDLESS, _MACHINES_MUST, _ASSISTANTS_MUST))
    )
    if not told or is_foreign(_CODE.sub(" ", written)) is False:
        return _NOTHING
    broken = _latin(said, words)
    if broken is None:
        return "" if _commands_machine(said, written, words) else _NOTHING
    return broken


def _latin(said: str, words: set[str]) -> str | None:
    for part in _PART.findall(said):
        first = _WORD.findall(part)[:_LATIN_START]
        ignores = not IGNORE.isdisjoint(first) or (
            not POLITE_IGNORE.isdisjoint(first) and not {"sie", "bitte", "veuillez", "favor"}.isdisjoint(first)
        )
        if ignores and not RULES.isdisjoint(words) and not SO_FAR.isdisjoint(words):
            return "override"
        if not ANSWER.isdisjoint(first) and not ONLY.isdisjoint(words):
            return "steers-answer"
    must = _MUST_ANSWER.search(said)
    manner = must and _FAMILIAR.match(must[0]) and not _SAYS.search(must[0]) and not ONLY.isdisjoint(words - _ALL)
    if must and (manner or _NOW.search(said)):
        return "steers-answer"
    if _YOU_ARE.search(said) and _NOW.search(said):
        return "role-claim"
    heedless = _HEEDLESS.search(said) and (_SAID.search(said) or not RULES.isdisjoint(words))
    return "override" if heedless or _TURKISH.search(said) else None


def _commands_machine(said: str, written: str, words: set[str]) -> bool:
    if _MACHINES_MUST.search(said):
        return True
    told = _POLITE.search(said) is not None or any(
        not _DO.isdisjoint(_WORD.findall(part)[:_LATIN_START]) for part in _PART.findall(said)
    )
    if not (told or _MUST.search(said) or _ASSISTANTS_MUST.search(said)):
        return False
    objects = OBJECTS if told else OBJECTS - _ASSISTANTS
    return not objects.isdisjoint(words) or "mot de passe" in said or _names_object(written)


def _other_script(said: str, written: str) -> str:
    for rule, pattern in (("override", _OVERRIDES), ("steers-answer", _ANSWERS), ("role-claim", _ROLES)):
        if pattern.search(said):
            return rule
    spoken_of = _THINGS.search(said) is not None and not _TO_USERS.search(said)
    return "" if _DOES.search(said) and (spoken_of or _names_object(written)) else _NOTHING


def _names_object(written: str) -> bool:
    """A mail address, a whole link, an account or another long number, a tool or code: not the bare name of a site."""
    return "@" in written or "://" in written or bool(_TOOL.search(written) or operands_in(written).things)
