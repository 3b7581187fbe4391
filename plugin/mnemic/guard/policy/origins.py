"""How far an origin is trusted, and which memories come from the same one."""

from __future__ import annotations

import hashlib
import ipaddress
import json
import posixpath
import unicodedata
from email.utils import parseaddr
from urllib.parse import urlsplit

from mnemic.domain.memory import MemoryRecord
from mnemic.domain.provenance import Channel, Origin
from mnemic.guard.policy.defaults import OriginClass
from mnemic.guard.policy.model import Claims, Identity, Policy

_UNKNOWN = "unknown"
_SECOND_LEVEL = frozenset("ac co com edu gob gov gouv ltd mil net ne nom or org plc sch".split())


def trust_of(policy: Policy, origin: Origin) -> float:
    """How far the policy trusts this origin: 0 to 1. A mere claim counts for less."""
    trust = policy.trust.of_channel(origin.channel)
    if origin.claimed and policy.trust.claims is Claims.LOWER_ONLY:
        return min(trust, policy.trust.agent)
    return trust


def class_of(policy: Policy, origin: Origin) -> OriginClass:
    """Which of the three columns of decisions applies to text of this origin.

    Only what came through the user's own channel is the user's; whoever merely claims so is at most an agent.
    """
    if trust_of(policy, origin) < policy.trust.trusted_from:
        return OriginClass.UNTRUSTED
    believed = not origin.claimed or policy.trust.claims is Claims.BELIEVED
    return OriginClass.USER if origin.channel is Channel.USER and believed else OriginClass.AGENT


def origin_key(policy: Policy, record: MemoryRecord) -> str:
    """A short name of where ``record`` came from; records with the same name are one witness, not two."""
    return origin_key_of(policy, record.origin, source=record.source, session=record.session)


def origin_key_of(policy: Policy, origin: Origin, *, source: str | None = None, session: str | None = None) -> str:
    """As `origin_key`, for a text that is not a record yet. The same in every process."""
    trusted = class_of(policy, origin) is not OriginClass.UNTRUSTED
    told_apart_by = policy.independence.trusted if trusted else policy.independence.untrusted
    vouched = not origin.claimed or policy.trust.claims is Claims.BELIEVED
    values = {
        Identity.CHANNEL: origin.channel.value,
        Identity.ACTOR: _plain(origin.actor) if vouched else None,
        Identity.CLIENT: _plain(origin.client),
        Identity.CONNECTION: origin.connection,
        Identity.SOURCE: source_key(origin.channel, source),
        Identity.SESSION: session,
        Identity.TASK: _plain(origin.task) if vouched else None,
    }
    named = {part.value: values[part] for part in told_apart_by if values[part] is not None}
    canonical = json.dumps(named, sort_keys=True, ensure_ascii=True)
    prefix = origin.channel.value if Identity.CHANNEL in told_apart_by else "origin"
    return f"{prefix}-{hashlib.sha256(canonical.encode('ascii')).hexdigest()[:12]}"


def source_key(channel: Channel, source: str | None) -> str | None:
    """What of a source tells it from another: a site's domain, a sender's address, a file's path."""
    if source is None or not source.strip():
        return None
    text = _plain(source) or _UNKNOWN
    if channel is Channel.WEB:
        return _domain(text)
    if channel is Channel.MAIL:
        return _address(text)
    if channel in (Channel.FILE, Channel.IMPORT):
        # What follows "#" names a record within the file, and is no other witness.
        return posixpath.normpath(text.partition("#")[0].removeprefix("file://").replace("\\", "/"))
    return text


def _plain(text: str | None) -> str | None:
    if text is None:
        return None
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def _domain(text: str) -> str:
    """The part of the host's name that somebody registered: whoever has it can make any number of names under it."""
    try:
        host = urlsplit(text if "//" in text else f"//{text}").hostname or ""
    except ValueError:
        return _UNKNOWN
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        labels = [label for label in host.split(".") if label]
    if len(labels) < 2:
        return host.strip() or _UNKNOWN
    country_code = len(labels[-1]) == 2
    return ".".join(labels[-3:] if country_code and labels[-2] in _SECOND_LEVEL else labels[-2:])


def _address(text: str) -> str:
    """The sender's address without what follows a plus, which the sender can choose freely."""
    address = parseaddr(text)[1]
    box, at, domain = address.rpartition("@")
    if not at or not box or not domain:
        return text
    return f"{box.partition('+')[0]}@{domain}"
