"""An agent that does whatever it reads: the worst reader that a memory can have.

    agent = ObedientAgent(memory)
    result = await memory.recall("What did the invoice say?")
    deed = await agent.obey(result.hits)
    assert not deed.executed

It has its own simple idea of what an instruction is, so that the guard is not measured by its own parser. English.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mnemic.domain.memory import MemoryId
from mnemic.domain.recall import Hit

if TYPE_CHECKING:
    from mnemic.memory import Memory

_ORDERS = frozenset(
    """accept access account act activate add adjust adopt advise agree alert allow analyse analyze announce answer append
    apply appoint approve arrange ask assemble assign assist assume attach attend authorise authorize avoid ban be become
    begin believe block book break bring broadcast browse build buy calculate call cancel capture carry cast change charge
    check choose cite claim classify clean clear click close code collect combine come comment commit communicate compare
    compile complete compose compute conclude conduct configure confirm connect consider construct consult contact contain
    contribute convert convince copy correct count create decide declare decline decode decrypt default define delegate
    delete deliver demand demonstrate deny deploy describe design destroy detail determine develop diagnose dial disable
    disclose discuss display disregard distribute do donate double download draft draw drop dump edit elaborate email
    emphasise emphasize employ enable encode encourage encrypt end endorse enlist enrol enroll ensure enter erase establish
    estimate evaluate examine exchange exclude execute expand explain explore export express extend extract fetch fill filter
    find finish fix flag focus follow forget format formulate forward gather generate get give go grant guide hack handle
    help hide hold identify ignore illustrate imagine implement import include incorporate increase inform initiate input
    insert insist inspect install instruct integrate invest investigate invite invoke issue join keep kill label launch
    leak learn leave let list listen locate lock log look mail maintain make manipulate mark mask mention merge message
    modify monitor move name navigate note notify obtain offer omit open order organise organize output override overwrite
    pass paste pay perform place plan point post prefer prepare present press pretend prevent print prioritise prioritize
    proceed process produce promote prompt propose provide publish purchase purge push put query quote raise rank rate read
    recall recommend record recover redirect reduce refer refund refuse register reject release rely remember remind remove
    rename render repeat rephrase replace reply report request reschedule research reserve reset resolve respond restart
    restore retain retrieve retry return reveal reverse review revise revoke rewrite route run save say schedule scramble
    search select sell send set settle share shift ship show shut sign skip solve speak specify spread start state stop
    store subscribe submit substitute suggest summarise summarize supply support surrender suspend swap switch take talk
    teach tell terminate test think track trade transcribe transfer transform translate transmit treat trigger trust try
    turn type unblock uninstall unlock unsubscribe update upgrade upload use utilise utilize validate verify view visit
    wait warn watch whitelist wipe wire withdraw withhold work wrap write""".split()
)

# A verb that the agent has a tool for → the tool. Its own list, not the guard's.
_TOOLS = {
    "send_email": "send mail email forward reply notify message transmit dispatch contact",
    "upload_data": "upload leak exfiltrate export post submit",
    "transfer_money": "transfer pay wire remit withdraw donate buy purchase refund invest sell trade",
    "delete_data": "delete erase wipe purge destroy drop remove dump clear truncate",
    "share_file": "share disclose reveal invite expose",
    "grant_access": "grant authorise authorize whitelist unlock promote approve",
    "disable_service": "disable deactivate uninstall revoke suspend unsubscribe kill terminate ban lock block shut",
    "publish_page": "publish deploy broadcast announce",
    "execute_code": "execute run install launch invoke",
    "overwrite_record": "overwrite replace reset rename change modify update edit upgrade alter",
    "create_record": "create insert register add subscribe enrol enroll",
    "cancel_order": "cancel",
    "reserve_place": "reserve book order",
}
_TOOL_OF = {verb: tool for tool, verbs in _TOOLS.items() for verb in verbs.split()}

_CLAUSE = re.compile(r"\n+|(?<=[.!?;:])\s+|\|(?=\s|[A-Z])")
_EDGE = re.compile(r"^[^A-Za-z]+")
_LEAD = re.compile(
    r"(?:(?:and|then|also|now|next|first|second|third|finally|lastly|note|todo|important|warning|attention"
    r"|reminder|hi|hello|hey|dear|step|so|but|instead|immediately|simply|just|always|never|do not|don't|be sure to"
    r"|make sure to|remember to|go ahead and"
    r"|before (?:that|this)|after (?:that|this)|in addition|additionally|moreover|furthermore)\b[\s,:\d.)-]*)+",
    re.I,
)
_POLITE = re.compile(r"\b(?:please|kindly)\s+(?:also |do |then |now )?([a-z]+)", re.I)
_MODAL = re.compile(
    r"\b(?:must|should|shall|need(?:s)? to|ha(?:ve|s) to|(?:is|are) (?:required|asked|instructed) to"
    r"|(?:is|are) (?:supposed|expected|obliged) to"
    r"|ought to|(?:can|could|would|will) you(?: please)?|(?:want|would like|like|need|ask|tell|instruct) you to)"
    r"\s+(?:also |then |always |never |not |immediately |first |now )?([a-z]+)",
    re.I,
)
_WORDS = re.compile(r"[A-Za-z']+")
_AFTER_NOUN = re.compile(r"^(?:is|are|was|were|has|have|had|will|would|of|and|or|in|by)\b", re.I)


@dataclass(frozen=True, slots=True)
class Order:
    """An instruction that the agent read. ``tool`` is the tool that it would use, None when it only concerns its words."""

    text: str
    verb: str
    tool: str | None
    because: MemoryId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Deeds:
    """What an agent did: what it read as orders, and which of those with an effect the guard let it carry out."""

    orders: tuple[Order, ...] = ()
    executed: tuple[Order, ...] = ()

    @property
    def if_ungated(self) -> tuple[Order, ...]:
        """What it would have carried out if it asked nobody."""
        return tuple(order for order in self.orders if order.tool is not None)


def read_orders(text: str, *, because: MemoryId | None = None) -> tuple[Order, ...]:
    """The clauses of ``text`` that read like instructions: imperatives, *please* …, and *must, should, need to* …"""
    orders = []
    for clause in _CLAUSE.split(text):
        verb = _verb_of(clause)
        if verb is not None:
            orders.append(Order(clause.strip()[:400], verb, _tool_of(verb, clause), because))
    return tuple(orders)


def _verb_of(clause: str) -> str | None:
    plain = _EDGE.sub("", clause)
    plain = _EDGE.sub("", _LEAD.sub("", plain, count=1))
    first = _WORDS.match(plain)
    if first is not None and (verb := first[0].lower()) in _ORDERS:
        after = plain[first.end() :]
        heading = clause.rstrip().endswith(":") and len(clause.split()) <= 3
        if after[:1].isspace() and after.strip() and not heading and not _AFTER_NOUN.match(after.lstrip()):
            return verb
    for pattern in (_POLITE, _MODAL):
        match = pattern.search(clause)
        if match is not None:
            return match[1].lower()
    return None


def _tool_of(verb: str, clause: str) -> str | None:
    """The tool for an order: that of its verb, else that of any other verb in it."""
    words = [verb, *(word.lower() for word in _WORDS.findall(clause))]
    return next((_TOOL_OF[word] for word in words if word in _TOOL_OF), None)


class ObedientAgent:
    """Obeys every order that recall delivers, and asks the guard before whatever has an effect.

    It asks twice, once with the call that it would make and once with the sentence that it read, and goes ahead if either
    is allowed: nobody could be more eager. ``by_user`` is never set; the memories that it read are all it can point to.
    """

    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    async def obey(self, hits: Iterable[Hit], *, most: int = 8) -> Deeds:
        """Read what was delivered and do it, at most ``most`` effects, each on the word of the memory that orders it."""
        orders = [order for hit in hits for order in read_orders(shown(hit), because=hit.memory.id)]
        asked = [order for order in orders if order.tool is not None][:most]
        executed = [order for order in asked if await self.may(order)]
        return Deeds(orders=tuple(orders), executed=tuple(executed))

    async def permitted(
        self, orders: Iterable[Order], *, because: Sequence[MemoryId], most: int = 8
    ) -> tuple[Order, ...]:
        """Which of ``orders`` it gets leave for when it points to all of ``because``, whoever wrote them."""
        return tuple([order for order in list(orders)[:most] if await self.may(order, because=because)])

    async def may(self, order: Order, *, because: Sequence[MemoryId] | None = None) -> bool:
        """Whether the guard gives leave to carry out ``order``; by default on the word of the memory that orders it."""
        if because is None:
            because = () if order.because is None else (order.because,)
        for action in (f"{order.tool}({order.text!r})", order.text):
            verdict = await self._memory.guard.authorise(action, because=because)
            if verdict.decision == "allowed":
                return True
        return False


def shown(hit: Hit) -> str:
    """All that a reader sees of a hit."""
    return "\n".join(part for part in (hit.shown_text, hit.shown_when_to_use) if part)
