"""Reads a text with every rule that is asked for. What follows from the findings is the policy's part."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from mnemic.domain.language import is_foreign
from mnemic.domain.verdict import Finding, Span
from mnemic.errors import InvalidInput
from mnemic.guard.screening import backdoor, hidden, offtopic, steering
from mnemic.guard.screening.clauses import Clause, clauses_of, with_wrapped_lines
from mnemic.guard.screening.directives import Directive, directive_in, leading_command
from mnemic.guard.screening.disguise import mended, undisguised, unmistakable, with_digits
from mnemic.guard.screening.foreign import FOREIGN_REASONS, Foreign, foreign_directives
from mnemic.guard.screening.forms import Form
from mnemic.guard.screening.offtopic import Embed, Topic
from mnemic.guard.screening.personal import personal_data
from mnemic.guard.screening.plain import Plain, plain
from mnemic.guard.screening.rules import LEXICAL, RULES
from mnemic.guard.screening.secrets import secrets
from mnemic.guard.screening.stated import settling
from mnemic.guard.screening.structure import machine_parts


@dataclass(frozen=True, slots=True, kw_only=True)
class Screening:
    """What the rules saw in one text. All spans are ranges of the original text.

    ``findings`` holds every rule that fired, whatever a policy makes of it. ``directives`` are the clauses that tell
    somebody to do something, and questions that belong to nothing in the text; ascending, without overlap: they are
    what is masked when the text comes from an untrusted origin. They are there only if a rule was asked for that reads
    English. ``english`` is false when the rules about wording cannot judge the text.
    """

    findings: tuple[Finding, ...]
    directives: tuple[Span, ...]
    english: bool


def screen(
    text: str,
    *,
    rules: Collection[str] | None = None,
    question: str | None = None,
    embed: Embed | None = None,
) -> Screening:
    """Reads ``text`` with the rules named (all of `RULES` by default).

    ``question`` is the request that the text would answer, for records that hold no question of their own. ``embed``
    gives unit vectors of sentences; without it the topic is judged by shared words alone.

    Raises `mnemic.errors.InvalidInput` for a rule that does not exist.
    """
    wanted = frozenset(RULES if rules is None else rules)
    unknown = sorted(wanted - RULES.keys())
    if unknown:
        raise InvalidInput(f"There is no rule {unknown[0]!r}.", hint=f"The rules are {', '.join(RULES)}.")
    return _Reading(text, wanted, question, embed).screening()


class _Reading:
    """One text, read once: each view of it is made when the first rule needs it."""

    def __init__(self, text: str, wanted: frozenset[str], question: str | None, embed: Embed | None) -> None:
        self.text = text
        self.wanted = wanted
        self.question = question
        self.embed = embed

    @cached_property
    def plain(self) -> Plain:
        return plain(self.text)

    @cached_property
    def clauses(self) -> list[Clause]:
        return clauses_of(self.plain)

    @cached_property
    def directives(self) -> list[Directive]:
        said: list[Directive] = []
        looked = settling(self.plain.low)
        for at, clause in enumerate(self.clauses):
            one = directive_in(clause, looked)
            whole = with_wrapped_lines(self.plain, self.clauses, at)
            if one is not None:
                said.append(replace(one, clause=whole))
            elif whole is not clause and (one := leading_command(whole)) is not None and one.at > len(clause.text):
                said.append(one)  # the first line only leads in to it
        hidden_in = [(clause, False) for clause in undisguised(self.plain, self.clauses)]
        hidden_in += with_digits(self.plain, self.clauses)
        hidden_in += [(clause, True) for clause in (*mended(self.plain), *unmistakable(self.plain))]
        for clause, sure in hidden_in:
            one = directive_in(clause)
            if one is not None and (sure or steering.speaks_of_reader(one)):
                said.append(one)
        return said

    @cached_property
    def orders(self) -> list[Directive]:
        """The directives that are more than stated."""
        return [one for one in self.directives if one.form is not Form.STATEMENT]

    @cached_property
    def roles(self) -> tuple[Finding | None, list[Span]]:
        """What the text tells its reader to be, and where it only quotes that."""
        return steering.roles_told(self.plain, self.clauses, self.orders)

    @cached_property
    def topic(self) -> Topic:
        return Topic(self.clauses, self.embed)

    @cached_property
    def stray(self) -> list[Clause]:
        return offtopic.stray_questions(self.clauses, self.topic) if "?" in self.plain.text else []

    @cached_property
    def languages(self) -> list[tuple[Clause, bool | None]]:
        return [(one, is_foreign(one.text)) for one in self.clauses]

    @cached_property
    def foreign(self) -> tuple[list[Clause], bool]:
        """The clauses in another language, and whether the text as a whole is English."""
        foreign = [one for one, verdict in self.languages if verdict]
        if not foreign:
            return [], is_foreign(self.plain.text) is not True
        other = sum(len(one.text) for one in foreign)
        english = sum(len(one.text) for one, verdict in self.languages if verdict is False)
        return foreign, other < english

    @cached_property
    def directed(self) -> list[Foreign]:
        """Sentences in other languages that direct their reader."""
        return list(foreign_directives(self.plain, self.languages))

    @cached_property
    def encoded(self) -> tuple[list[Span], list[Span]]:
        """Where words are encoded that somebody might act on: those that are seen nowhere else, and those that stand in
        plain sight besides.
        """
        runs = hidden.encoded_runs(self.text)
        if len({span for span, _ in runs}) > _MOST_READ:
            return [span for span, _ in runs], []
        # What is cut up may say something only when it is put together.
        together = len(runs) < 2 or _harmless(" ".join(told or "" for _, told in runs))
        unseen: list[Span] = []
        seen: list[Span] = []
        for (start, end), told in runs:
            if told is None or not (together and _harmless(told)):
                rest = plain(f"{self.text[:start]} {self.text[end:]}").text
                (seen if told is not None and hidden.stands_in(told, rest) else unseen).append((start, end))
        return unseen, seen

    def screening(self) -> Screening:
        reads_english = bool(self.wanted & LEXICAL) or "other-language" in self.wanted
        findings = [*self._hidden(), *self._backdoor(), *self._steering(), *self._requests(), *self._contents()]
        if "other-language" in self.wanted:
            findings += self._language()
        judged = bool(self.wanted & _NEEDS_DIRECTIVES)
        return Screening(
            findings=tuple(findings),
            directives=self._masked(findings) if judged else (),
            english=self.foreign[1] if reads_english and self.wanted & _NEEDS_LANGUAGE else True,
        )

    def _hidden(self) -> list[Finding]:
        found: list[Finding | None] = []
        if "hidden-text" in self.wanted:
            found.append(hidden.hidden_text(self.text))
        if "encoded-payload" in self.wanted:
            found.append(hidden.encoded_payload(self.encoded[0]))
        if "homoglyphs" in self.wanted:
            found.append(hidden.homoglyphs(self.text))
        return [one for one in found if one is not None]

    def _backdoor(self) -> list[Finding]:
        found: list[Finding | None] = []
        if "two-answers" in self.wanted:
            found.append(backdoor.two_answers(self.plain))
        if "anchored-rule" in self.wanted:
            found.append(backdoor.anchored_rule(self.plain))
        if "conditional-reversal" in self.wanted:
            found.append(backdoor.conditional_reversal(self.plain))
        if "destructive-mismatch" in self.wanted:
            found.append(backdoor.destructive_mismatch(self.plain, self.question))
        return [one for one in found if one is not None]

    def _steering(self) -> list[Finding]:
        found: list[Finding | None] = []
        if "role-claim" in self.wanted:
            found.append(self.roles[0])
        if "chat-markup" in self.wanted:
            found.append(steering.chat_markup(self.plain, self.orders))
        if self.wanted & steering.ABOUT_ONE_DIRECTIVE:
            found += steering.judge_directives(self.plain, self.orders, self.wanted)
        have = {one.rule for one in found if one is not None}
        for rule in (self.wanted & FOREIGN_REASONS.keys()) - have:
            spans = [self.plain.span(one.start, one.end) for one in self.directed if one.rule == rule]
            if spans:
                found.append(Finding(rule=rule, reason=FOREIGN_REASONS[rule], spans=hidden.ordered(spans)))
        return [one for one in found if one is not None]

    def _requests(self) -> list[Finding]:
        found: list[Finding | None] = []
        if self.wanted & {"offtopic-content", "offtopic-action"} and not offtopic.howto(self.clauses, self.orders):
            if "offtopic-content" in self.wanted:
                found.append(offtopic.offtopic_content(self.plain, self.orders, self.topic))
            if "offtopic-action" in self.wanted:
                found.append(offtopic.offtopic_action(self.plain, self.orders, self.topic))
        if "offtopic-question" in self.wanted and self.stray:
            found.append(offtopic.offtopic_question(self.plain, self.clauses, self.stray))
        return [one for one in found if one is not None]

    def _contents(self) -> list[Finding]:
        found: list[Finding] = []
        if "secret" in self.wanted:
            found += secrets(self.text)
        if "personal-data" in self.wanted:
            found += personal_data(self.text)
        return found

    def _language(self) -> list[Finding]:
        foreign, english = self.foreign
        if not foreign and english:
            return []
        spans = hidden.ordered([self.plain.span(one.start, one.end) for one in foreign])
        return [Finding(rule="other-language", reason="not English: rules about wording cannot judge it", spans=spans)]

    def _masked(self, findings: Sequence[Finding]) -> tuple[Span, ...]:
        clauses = [one.clause for one in self.directives] + self.stray
        spans = [self.plain.span(one.start, one.end) for one in clauses]
        spans += [self.plain.span(one.start, one.end) for one in self.directed]
        spans += machine_parts(self.plain)
        spans += self.roles[1]
        spans += [span for finding in findings if finding.rule in _MASKED for span in finding.spans]
        spans += self.encoded[1] if "encoded-payload" in self.wanted else []
        return hidden.ordered(spans)


def _harmless(told: str) -> bool:
    """Whether a text that was encoded says nothing that any rule sees, in a language that the rules read."""
    if is_foreign(told) is not False or hidden.encoded_runs(told):
        return False
    seen = screen(told, rules=RULES.keys() - {"encoded-payload"})
    return not seen.findings and not seen.directives


_MOST_READ = 8
"""Of a text with more encoded runs none is read: that takes time, and it is no example of anything."""
_MASKED = (LEXICAL - {"destructive-mismatch"}) | {"encoded-payload"}
"""Rules whose spans say something to the reader."""
_NEEDS_DIRECTIVES = frozenset(
    {"chat-markup", "offtopic-content", "offtopic-action", "offtopic-question"} | steering.ABOUT_ONE_DIRECTIVE
)
_NEEDS_LANGUAGE = _NEEDS_DIRECTIVES | {"other-language"}


def mask(text: str, spans: Sequence[Span], *, placeholder: str = "[instruction-like text hidden]") -> str:
    """``text`` with each span (ascending, without overlap) replaced by ``placeholder``. Without spans: the text itself.

    Spans with nothing but white space between them get one placeholder.
    """
    pieces: list[str] = []
    last = 0
    for start, end in spans:
        between = text[last:start]
        if not (pieces and not between.strip()):
            pieces += (between, placeholder)
        last = end
    pieces.append(text[last:])
    return "".join(pieces)


def redact(text: str, findings: Sequence[Finding], *, limit: int | None = None) -> str:
    """``text`` without what was found, such as a credential: each place becomes ``[redacted: what it was]``.

    Where that would make it longer than ``limit`` characters, each place becomes ``[redacted]`` or else ``…``, which is not
    longer than what it stands for.
    """
    found = sorted((start, end, finding.detail or finding.rule) for finding in findings for start, end in finding.spans)
    for form in ("[redacted: {}]", "[redacted]", "…"):
        pieces: list[str] = []
        last = 0
        for start, end, kind in found:
            if start >= last:
                pieces += (text[last:start], form.format(kind))
            last = max(last, end)
        clean = "".join((*pieces, text[last:]))
        if limit is None or len(clean) <= limit:
            break
    return clean
