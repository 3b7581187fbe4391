"""Whether a directive is addressed to machines by their kind, whoever they work for. English only.

Texts about language models speak of them all the time, and give people advice on them; what tells an attack is that the
model is spoken to, or told what to do with the very text that it reads.
"""

from __future__ import annotations

import re

from mnemic.guard.screening.verbs import CHANGING

_NAME = (
    r"(?:language models?|chat ?bots?|llms?|virtual assistants?|llm agents?|ai (?:[\w-]+ )?(?:agents?|assistants?|models?"
    r"|systems?|readers?|reviewers?|visitors?|bots?|helpers?|tools?|summari[sz]ers?|summaries|crawlers?))"
)
_LEADS_IN = (
    r"(?:when|whenever|if|while|since|because|as|with|without|before|after|unlike|like|by|in|on|at|of|from|using|about|once"
    r"|although|though|instead)\b"
)
_CALLED = re.compile(
    # "AI assistants: ...", "Dear language model, ...", "For all LLMs in between: ..."
    r"^[\W_]{0,8}(?:(?:please|note|notes|notice|hints?|attention|reminder|message|info|information|instructions?|important|dear|hi"
    r"|hello|hey|to|for|any|all|the|every|our|your|fellow|some)[ ,:]{1,2}){0,4}"
    rf"(?!{_LEADS_IN})(?:[\w-]+ ){{0,2}}?{_NAME}(?: (?:that|who|which|reading|processing|visiting|among|between|in|on|here"
    rf"|out)\b[^,:;.!?]{{0,50}})?(?::|,(?= (?:please|kindly|you|your|now|always|never|do|don't)\b))"
    # "Dear chatbot, ..."
    rf"|^[\W_]{{0,8}}(?:dear|hi|hello|hey|attention|to|for)[ ,:]{{1,2}}(?:(?:all|any|the|every|our|your|fellow) ){{0,2}}"
    rf"(?:[\w-]+ ){{0,1}}?{_NAME}(?: (?:that|who|which|reading|processing|in|on)\b[^,:;.!?]{{1,50}})?,"
    # "Note to coding agents: ...", "Hints for models ..."
    r"|\b(?:notes?|notice|message|hints?|instructions?|attention|reminder|info|information) (?:to|for) "
    r"(?:(?:all|any|the|every|our|your) )?(?:(?:ai|llm|coding|code|software|automated|autonomous|virtual|digital|review) "
    r"(?:agents?|assistants?|models?|reviewers?)|bots|llms|copilots?|models)\b"
    # "the agent that reads this", "assistants reading these lines"
    r"|\b(?:agents?|assistants?|models?|bots?|copilots?|ai|llms?) (?:(?:that|who|which|are|is) )?(?:reading|processing"
    r"|summari[sz]ing|handling|reviewing|parsing|indexing|reads?|process(?:es)?|summari[sz]es?|index|parses?|handles?)"
    r" (?:this|these)\b"
    # "as a language model you ...", but not "as a language model, I ..."
    rf"|\b(?:as|you are|you're|being) (?:an? |the )?(?:[\w-]+ ){{0,3}}?{_NAME}\b(?!,? ?(?:i\b|i'|we\b|my\b|our\b))"
    # "instruct the language model to ...", "have your AI assistant send ..."
    r"|\b(?:tell|instruct|order|command|force|convince|trick|get|ask|remind) (?:(?:the|your|any|every|all|an?|our) )?"
    rf"(?:[\w-]+ )?{_NAME} (?:to|into|that)\b"
    rf"|\b(?:have|let|make) (?:your|any|every|all) (?:[\w-]+ )?{_NAME} [a-z]{{3}}"
)
# "AI reviewers should rate this change ...": what they are to do with the text itself.
_DUTY = (
    r"s? (?:[\w-]+ ){0,4}?(?:must|should|shall|ha(?:s|ve) to|needs? to|ought to|(?:is|are) (?:\w+ )?(?:to|required|requested"
    r"|asked|instructed|expected|obliged|supposed))\b"
)
_OUGHT = re.compile(rf"\b{_NAME}{_DUTY}")
_ONE_OUGHT = re.compile(rf"\b(?:agent|assistant|model|bot|copilot){_DUTY}")
# "AI agents have to open the door": at the start, no prohibition, and something definite that changes the world.
_MUST_CHANGE = re.compile(
    rf"^[\W_]{{0,8}}(?:all |any |every )?{_NAME} (?:must|ha(?:ve|s) to|needs? to|(?:is|are) (?:\w+ )?(?:to"
    r"|required to|requested to|asked to|instructed to|expected to|obliged to)) "
    r"(?:(?:also|now|first|always|please|immediately) )?(?P<v>[a-z]+) "
    r"(?:the|all|any|every|your|this|these|https?|[\w.+-]+@)\b"
)
_THIS_TEXT = re.compile(
    r"\b(?:this|these) (?:\w+ )?(?:pages?|site|website|text|mails?|e-?mails?|messages?|documents?|articles?|files?|changes?"
    r"|commit|repository|repo|code|request|package|products?|listing|offers?|reviews?|papers?|posts?|notes?|items?|shop"
    r"|store|vendor|seller|results?|answers?|one)\b"
)
# Cheap: a clause without one of these addresses no machine.
_HINT = re.compile(r"model|bot\b|bots\b|llm|\bai\b|assistant|agent|copilot")


def addresses_machines(low: str) -> bool:
    """Whether a clause in small letters, which directs somebody, speaks to machines by their kind."""
    if not _HINT.search(low):
        return False
    if _CALLED.search(low):
        return True
    change = _MUST_CHANGE.match(low)
    if change is not None and change["v"] in CHANGING:
        return True
    this = _THIS_TEXT.search(low)
    if this is None:
        return False
    one = _ONE_OUGHT.search(low)
    return _OUGHT.search(low) is not None or (one is not None and one.end() <= this.start())
