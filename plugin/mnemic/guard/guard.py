"""The guard of one memory: what its rules find in a text, and what its policy makes of that."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial

from mnemic.domain.drafting import MAX_WHEN_TO_USE_CHARS
from mnemic.domain.marks import Marks, Review, Screened, Taint, merge_taints, taint_of
from mnemic.domain.memory import MemoryRecord, Role
from mnemic.domain.provenance import Channel, Origin
from mnemic.domain.text import fingerprint
from mnemic.domain.validation import MAX_LABEL_CHARS, MAX_SOURCE_CHARS, MAX_TEXT_CHARS
from mnemic.domain.verdict import Decision, Finding, Judged, Span, Verdict, strictest
from mnemic.guard.bounded import run_bounded
from mnemic.guard.effects import find_effects
from mnemic.guard.judge import ModelJudge
from mnemic.guard.paths import Path, extract_path
from mnemic.guard.policy import OriginClass, Policy, class_of, decide, decide_rule, origin_key, trust_of
from mnemic.guard.policy.applying import Facts, apply_rule
from mnemic.guard.policy.matching import find_all_spans
from mnemic.guard.policy.own_rules import OwnRule, WriteRule
from mnemic.guard.screening import RULES, mask, redact, screen
from mnemic.protocols import RecallPhaseRule, Vectors, WritePhaseRule

TOO_LONG = "too-long"
SECRET = "secret"  # noqa: S105  # the id of a rule
SECRETS = frozenset({SECRET})
HIDDEN = "[instruction-like text hidden]"

_SEPARATOR = "\n"
_QUOTED = re.compile(r'"([^"]+)"')
_CLAUSE = re.compile(r"\s+(?:and|then|or|but)\s+|[,;:.!?]\s+")
_ADDRESS = re.compile(r"\s*https?://", re.IGNORECASE)
_VOUCHED_TRUST = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class OutsideRules:
    """Rules that came by entry point."""

    write: tuple[WritePhaseRule, ...] = ()
    recall: tuple[RecallPhaseRule, ...] = ()


class Guard:
    """Screens texts and judges what was found. Pure: it knows no ledger. Safe to use from several threads.

    ``policy`` gives the policy that holds now; every use case asks once and goes on with that one. ``embed`` gives vectors
    of sentences, so that a request can be told from the topic around it.
    """

    def __init__(
        self, policy: Callable[[], Policy], *, embed: Callable[[Sequence[str]], Vectors] | None = None,
        outside: OutsideRules | None = None, model_judge: ModelJudge | None = None,
    ) -> None:  # fmt: skip
        self._policy = policy
        self._embed = embed
        self.outside = outside or OutsideRules()
        self.model_judge = model_judge
        # Replaced as a whole, never changed: other threads read it.
        self._telling: dict[tuple[str, OriginClass], frozenset[str]] = {}

    @property
    def policy(self) -> Policy:
        """The policy that holds now."""
        return self._policy()

    def examine(
        self, policy: Policy, record: MemoryRecord, *, fully: bool = False, only: frozenset[str] | None = None
    ) -> Marks:
        """What the rules find in a memory by itself. Trusted channels get fewer rules unless ``fully``.

        ``only`` names the rules of `mnemic.guard.screening` to look with; then nothing else is looked for.
        """
        if only is not None:
            found = screen(screened_text(record), rules=only).findings
            return Marks(
                taints=(taint_of(record.origin),), findings=tuple(_inside(one, len(record.text)) for one in found)
            )
        taints = (taint_of(record.origin), *_implied(record))
        origin_class = class_in(policy, Marks(taints=taints))
        untrusted = origin_class is OriginClass.UNTRUSTED
        fully = fully or untrusted
        unnamed = "" if record.source else record.origin.connection or ""
        source = fingerprint(*record.namespace, origin_key(policy, record), unnamed) if untrusted else 0
        path = extract_path(record.text)
        told = untrusted or fully or bool(policy.rules)
        effects = path.effects if path is not None else find_effects(record.text) if told else frozenset()
        marks = partial(
            Marks, taints=taints, source=source, path=None if path is None else path.to_dict(),
            effects=tuple(sorted(effects)),
        )  # fmt: skip
        if not policy.write.enabled:
            return marks(screened=Screened.BRIEFLY)
        too_long: tuple[Finding, ...] = ()
        if len(record.text) > policy.write.max_chars:
            reason = f"it has {len(record.text):,} characters; {policy.write.max_chars:,} are allowed"
            too_long = (Finding(rule=TOO_LONG, reason=reason),)
        text = screened_text(record)
        rules = None if fully else self._rules_for(policy, origin_class)
        screening = screen(text, rules=rules, embed=self._embed)
        own = tuple(self._own_findings(policy, record, effects))
        limit = len(record.text)
        return marks(
            screened=Screened.FULLY if fully else Screened.BRIEFLY,
            findings=(*too_long, *(_inside(finding, limit) for finding in screening.findings), *own),
            directives=screening.directives,
            english=screening.english,
        )

    def quoted_directives(self, record: MemoryRecord) -> tuple[Span, ...]:
        """Where a memory that rules worded quotes, between double quotes, what reads like an instruction by itself.

        Each clause is looked at alone and without regard to the topic: the quoted is all the topic there is.
        """
        text = screened_text(record)
        return tuple(quoted.span(1) for quoted in _QUOTED.finditer(text) if _instructs(quoted[1]))

    def judge(self, policy: Policy, marks: Marks, further: Iterable[Finding] = ()) -> Verdict:
        """The verdict on a text with these marks: the strictest of what its findings call for."""
        findings = (*marks.findings, *further)
        if not findings:
            return Verdict(decision=strictest(()), judged=(), policy=policy.name, enforced=policy.enforced)
        origin_class = class_in(policy, marks)
        judged = tuple(Judged(finding=found, decision=decide(policy, found, origin_class)) for found in findings)
        return Verdict(
            decision=strictest(one.decision for one in judged),
            judged=judged,
            policy=policy.name,
            enforced=policy.enforced,
        )

    def redacted(
        self, policy: Policy, record: MemoryRecord, verdict: Verdict
    ) -> tuple[MemoryRecord, tuple[str, ...]]:  # fmt: skip
        """The memory without what the verdict wants out of it, in its text and its labels, and what that was.

        None of them becomes longer than it may be, the text not than the policy allows if it was not before.
        """
        wanted = [judged.finding for judged in verdict.judged if judged.decision is Decision.REDACT]
        rules = {finding.rule for finding in wanted} & RULES.keys()
        own = [rule for id in dict.fromkeys(one.rule for one in wanted) if (rule := policy.own_rules.get(id))]
        wanted = [finding for finding in wanted if finding.rule not in policy.own_rules]
        kinds: dict[str, None] = {}
        most = policy.write.max_chars if len(record.text) <= policy.write.max_chars else MAX_TEXT_CHARS

        def clean(
            text: str, found: Iterable[Finding] | None = None, own: Iterable[OwnRule] = (), *, limit: int = MAX_LABEL_CHARS
        ) -> str:  # fmt: skip
            found = [*(screen(text, rules=rules).findings if found is None else found), *_all_places(own, text)]
            findings = [one for one in found if one.spans]
            kinds.update((one.detail or one.rule, None) for one in findings)
            return redact(text, findings, limit=limit) if findings else text

        changed = replace(
            record,
            text=clean(record.text, wanted, own, limit=min(most, MAX_TEXT_CHARS)),
            when_to_use=record.when_to_use and clean(record.when_to_use, own=own, limit=MAX_WHEN_TO_USE_CHARS),
            # Whose mail it is says where it came from: of a source only secrets are taken out.
            source=record.source
            and clean(record.source, screen(record.source, rules=rules & {SECRET}).findings, limit=MAX_SOURCE_CHARS),
            speaker=record.speaker and clean(record.speaker),
            session=record.session and clean(record.session),
            tags=tuple(dict.fromkeys(clean(tag) for tag in record.tags)),
        )
        return changed, tuple(kinds)

    def _rules_for(self, policy: Policy, origin_class: OriginClass) -> frozenset[str]:
        """Content rules that can change anything for a trusted class."""
        key = (policy.digest, origin_class)
        rules = self._telling.get(key)
        if rules is None:
            rules = frozenset(id for id in RULES if decide_rule(policy, id, origin_class) is not Decision.ALLOW)
            kept = {other: known for other, known in self._telling.items() if other[0] == policy.digest}
            self._telling = {**kept, key: rules}
        return rules

    def _own_findings(self, policy: Policy, record: MemoryRecord, effects: Iterable[str]) -> Iterator[Finding]:
        if policy.rules:
            facts = Facts(
                text=record.text, kind=record.kind, channel=record.origin.channel, tags=record.tags,
                trust=trust_of(policy, record.origin), effects=frozenset(effects), when_to_use=record.when_to_use,
            )  # fmt: skip
            for rule in policy.rules:
                if isinstance(rule, WriteRule) and (found := apply_rule(rule, facts)) is not None:
                    yield found
        for outside in self.outside.write:
            answer = run_bounded(
                outside.id, partial(_check, outside, record), timeout_seconds=policy.write.rule_timeout_ms / 1000
            )
            if isinstance(answer, Finding):
                yield answer
            else:
                yield from (replace(found, rule=outside.id) for found in answer)


def _all_places(rules: Iterable[OwnRule], text: str) -> Iterator[Finding]:
    """Every place that a policy's own rules name, where a finding of theirs names the first."""
    for rule in rules:
        if rule.when.text is not None:
            yield Finding(rule=rule.id, reason=rule.reason, spans=find_all_spans(rule.when.text, text))


def _instructs(quoted: str) -> bool:
    return any(screen(part).directives for part in (quoted, *_CLAUSE.split(quoted)) if part.strip())


def _check(rule: WritePhaseRule, record: MemoryRecord) -> list[Finding]:
    found = list(rule.check(record))
    if not all(isinstance(one, Finding) for one in found):
        raise TypeError("a rule gives findings")
    return found


def screened_text(record: MemoryRecord) -> str:
    """All words of a memory that a reader may see: the text first, so that ranges in it are those of the text."""
    return _SEPARATOR.join([record.text, *(value for _, value in _labels_of(record))])


def _implied(record: MemoryRecord) -> tuple[Taint, ...]:
    """What an agent says of its text beside the channel: a page it names, a tool whose words it gives."""
    origin = record.origin
    if origin.channel is not Channel.AGENT and not origin.claimed:
        return ()
    told = []
    if record.role is Role.TOOL:
        told.append(Taint(Channel.TOOL, True))
    if record.source and _ADDRESS.match(record.source):
        told.append(Taint(Channel.WEB, True))
    return tuple(taint for taint in told if taint.channel is not origin.channel)


def class_in(policy: Policy, marks: Marks) -> OriginClass:
    """The class of a text's least trusted origin, those of everything it was drawn from included."""
    if marks.review is Review.VOUCHED:
        return OriginClass.USER
    if len(marks.taints) == 1:
        return class_of(policy, _origin_of(marks.taints[0]))
    classes = {class_of(policy, _origin_of(taint)) for taint in marks.taints}
    if OriginClass.UNTRUSTED in classes:
        return OriginClass.UNTRUSTED
    return OriginClass.AGENT if OriginClass.AGENT in classes else OriginClass.USER


def trust_in(policy: Policy, marks: Marks) -> float:
    """Trust in a text, 0..1: that in its least trusted origin."""
    if marks.review is Review.VOUCHED:
        return _VOUCHED_TRUST
    return min(trust_of(policy, _origin_of(taint)) for taint in marks.taints)


def inherit(marks: Marks, *parents: Iterable[Taint]) -> Marks:
    """The same marks with the taints of what a text was drawn from."""
    taints = merge_taints(marks.taints, *parents)
    return marks if taints == marks.taints else replace(marks, taints=taints)


def path_in(marks: Marks) -> Path | None:
    """The reasoning path that was found when the text was written."""
    return None if marks.path is None else Path.from_dict(marks.path)


def masked_text(record: MemoryRecord, marks: Marks) -> str | None:
    """The text with its directives masked; None when it has none."""
    spans = _masked_spans(record, marks)
    return mask(record.text, spans, placeholder=HIDDEN) if spans else None


def masked_place(record: MemoryRecord, marks: Marks, span: Span) -> Span:
    """Where in `masked_text` a part of the text stands, with all of the placeholders for what is masked in it."""
    spans = _masked_spans(record, marks)
    # A placeholder stands at the first of the spans that share it; whoever begins or ends inside one takes it whole.
    first = next((start for start, end in spans if start < span[0] < end), span[0])
    last = next((end for start, end in spans if start < span[1] < end), span[1])
    before = [one for one in spans if one[1] <= first]
    until = [one for one in spans if one[1] <= last]
    start = len(mask(record.text[:first], before, placeholder=HIDDEN))
    return start, len(mask(record.text[:last], until, placeholder=HIDDEN))


def _masked_spans(record: MemoryRecord, marks: Marks) -> list[Span]:
    return [(start, min(end, len(record.text))) for start, end in marks.directives if start < len(record.text)]


def masked_when_to_use(record: MemoryRecord, marks: Marks) -> str | None:
    """The same of the situation in which it helps, which was screened behind the text."""
    start = len(record.text) + len(_SEPARATOR)
    when = record.when_to_use or ""
    inside = [(max(at - start, 0), min(end - start, len(when))) for at, end in marks.directives if end > start]
    spans = [(at, end) for at, end in inside if at < end]
    return mask(when, spans, placeholder=HIDDEN) if spans else None


def touched_labels(record: MemoryRecord, marks: Marks) -> tuple[str, ...]:
    """The fields besides text and situation in which something reads like an instruction."""
    at = len(record.text)
    touched: dict[str, None] = {}
    for name, value in _labels_of(record):
        start, at = at + len(_SEPARATOR), at + len(_SEPARATOR) + len(value)
        if name != "when_to_use" and any(begin < at and end > start for begin, end in marks.directives):
            touched[name] = None
    return tuple(touched)


def _labels_of(record: MemoryRecord) -> list[tuple[str, str]]:
    """The fields that are screened behind the text, in their order."""
    named = [(name, getattr(record, name)) for name in ("when_to_use", "source", "speaker", "session")]
    return [(name, value) for name, value in named if value] + [("tags", tag) for tag in record.tags]


@lru_cache(maxsize=64)  # a prompt's memories have few taints, and every call of a model has them judged anew
def _origin_of(taint: Taint) -> Origin:
    return Origin(channel=taint.channel, claimed=taint.claimed)


def _inside(finding: Finding, limit: int) -> Finding:
    """A finding with only those ranges that lie in the text itself; what was seen in a label has none."""
    spans: tuple[Span, ...] = tuple((start, min(end, limit)) for start, end in finding.spans if start < limit)
    return finding if spans == finding.spans else replace(finding, spans=spans)
