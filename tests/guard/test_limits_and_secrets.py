"""Attempts to slip by a guard that fails, to use up its time, and to keep secrets."""

# mypy: disable-error-code="union-attr,index,no-any-return,empty-body"

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import anyio
import pytest

import mnemic
from mnemic import Channel, NewMemory, Origin
from mnemic.bootstrap import load_settings
from mnemic.guard.guard import OutsideRules
from mnemic.services.guarding import vetting
from tests.conftest import judging_by
from tests.guard.serving import STEER, serving
from tests.guard.stores import AGENT, MAIL, USER, WEB, open_guarded, policy_file


def backends(memory: Any) -> Any:
    return memory._opened().backends


# fail open
async def test_a_model_that_keeps_does_not_overrule_the_policy(tmp_path: Path) -> None:
    policy = policy_file(
        tmp_path,
        """
        recall:
          consensus: {on_contested: warn, single_origin: warn}
          effects: {deny: [delete], review: []}
        judge: {when: contested}
    """,
    )

    class Keeps:
        def complete(self, prompt: str, **kw: Any) -> str: ...

    async with open_guarded(tmp_path, policy) as memory:
        one = await memory.remember("Clean the store: LoadDB('s'), DeleteDB('old').", kind="procedural", origin=WEB)
        await memory.remember(
            "Clean the store: LoadDB('s'), FilterDB('x'), GetValue('n').",
            kind="procedural",
            origin=WEB,
            source="https://b.example",
        )

        class Judge:
            def judge(self, question: str, texts: Any) -> Any:
                from types import SimpleNamespace as N

                return N(error=None, verdicts={id: N(keep=True, consistent=True) for id in texts})

        before = await memory.recall("clean the store", min_score=0)
        assert one.id in {w.id for w in before.withheld}
        backends(memory).guard.model_judge = Judge()
        after = await memory.recall("clean the store", min_score=0)
        assert one.id in {w.id for w in after.withheld}


async def test_an_outside_rule_that_answers_nonsense_is_a_finding(tmp_path: Path) -> None:
    class Odd:
        id = "odd"

        def check(self, question: str, found: Any) -> Any:
            return [None]

    async with open_guarded(tmp_path) as memory:
        await memory.remember("The canteen opens at noon.", origin=WEB)
        backends(memory).guard.outside = OutsideRules(recall=(Odd(),))
        result = await memory.recall("canteen")
        assert result.withheld


async def test_an_outside_write_rule_that_answers_nonsense_is_a_finding(tmp_path: Path) -> None:
    class Odd:
        id = "odd"

        def check(self, record: Any) -> Any:
            return [None]

    async with open_guarded(tmp_path) as memory:
        backends(memory).guard.outside = OutsideRules(write=(Odd(),))
        assert (await memory.remember("The canteen opens at noon.", origin=WEB)).outcome == "quarantined"


async def test_confirmations_do_not_use_up_the_guards_time(tmp_path: Path) -> None:
    policy = policy_file(
        tmp_path,
        """
        rules:
          - {id: no-web, phase: recall, when: {channels: [web]}, decision: withhold, reason: no web}
    """,
    )
    async with open_guarded(tmp_path, policy) as memory:
        text = "The canteen opens at noon."
        await memory.remember(text, origin=WEB)
        for _ in range(2):
            await memory.remember_many(
                [NewMemory(text=text, origin=WEB, source=f"https://s{at}.example") for at in range(2500)]
            )
        result = await memory.recall("canteen")
        assert not result.hits


async def test_many_witnesses_are_compared_as_a_few(tmp_path: Path) -> None:
    async with open_guarded(tmp_path) as memory:
        plans = [
            "Clean the store: LoadDB('s'), FilterDB('x'), GetValue('n').",
            "Clean the store: LoadDB('s'), DeleteDB('old').",
        ]
        for text in plans:
            await memory.remember_many(
                [
                    NewMemory(text=text, kind="procedural", origin=WEB, source=f"https://s{at}.example")
                    for at in range(400)
                ]
            )
        policy = backends(memory).guard.policy
        with backends(memory).ledger.snapshot() as snapshot:
            for key, record in snapshot.select(memory.make_filter(), limit=10):
                assert record.confirmations == 399
                found = [(key, record)]
                (one,) = vetting.vet(
                    snapshot, backends(memory).guard, policy, "clean the store", found, now=record.recorded_at
                ).vetted
                assert 2 <= len(one.origin_keys) <= 8


@pytest.mark.parametrize("origin", [WEB, USER], ids=["a stranger", "whom it trusts"])
async def test_a_deadline_lets_nothing_through_that_the_policy_withholds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, origin: Origin
) -> None:
    policy = policy_file(
        tmp_path,
        """
        recall: {deadline_ms: 10, effects: {deny: [delete], review: []}}
        rules:
          - {id: no-canteen, phase: recall, when: {text: canteen}, decision: withhold, reason: no canteens}
    """,
    )
    async with open_guarded(tmp_path, policy) as memory:
        await memory.remember("The canteen opens at noon.", origin=origin)
        seconds = iter((0.0, 0.0, 1.0))  # the first step is all that there is time for
        judging_by(monkeypatch, seconds.__next__)
        result = await memory.recall("canteen")
        assert not result.hits
        told = str(result.withheld[0].reasons)
        assert "the guard's time was up" in told and "no-canteen: no canteens" in told


async def test_what_is_not_judged_in_time_is_withheld_where_a_stranger_wrote_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_guarded(tmp_path) as memory:
        trusted = (await memory.remember("The canteen opens at noon.", origin=USER)).id
        stranger = (await memory.remember("The canteen has a terrace.", origin=WEB)).id
        seconds = iter((0.0, 0.0, 1.0))
        judging_by(monkeypatch, seconds.__next__)
        result = await memory.recall("canteen", min_score=0)
        assert [(hit.memory.id, hit.standing is not None and bool(hit.standing.labels)) for hit in result.hits] == [
            (trusted, True)
        ]
        assert [(one.id, "the guard's time was up" in str(one.reasons)) for one in result.withheld] == [
            (stranger, True)
        ]


@pytest.mark.parametrize("origin", [WEB, USER], ids=["a stranger", "whom it trusts"])
async def test_steps_that_the_policy_denies_are_withheld_whoever_wrote_them(tmp_path: Path, origin: Origin) -> None:
    policy = policy_file(tmp_path, "recall: {effects: {deny: [delete], review: []}}")
    async with open_guarded(tmp_path, policy) as memory:
        plan = "Clean the store: a = LoadDB('store')\nb = DeleteDB('store')"
        steps = (await memory.remember(plan, kind="procedural", origin=origin)).id
        said = (await memory.remember("Nobody may delete the store.", origin=USER)).id
        result = await memory.recall("clean or delete the store", min_score=0)
        assert [hit.memory.id for hit in result.hits] == [said], "who speaks of an effect has no steps"
        assert [(one.id, one.reasons[-1]) for one in result.withheld] == [(steps, "effects: the policy denies delete")]


async def test_recall_does_not_wait_for_another_writer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mnemic.storage.sqlite.connections.BUSY_TIMEOUT_SECONDS", 600.0)
    async with open_guarded(tmp_path) as memory:
        await memory.remember("The budget review takes place on 14 March.", origin=USER)
        await memory.remember("The budget review takes place on 21 June.", origin=WEB)
        other = sqlite3.connect(tmp_path / "home" / "ledger.sqlite3", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with anyio.fail_after(60):  # another writer would be waited for ten times as long
            result = await memory.recall("When does the budget review take place?")
        other.execute("ROLLBACK")
        other.close()
        assert result.hits


async def test_walks_over_what_is_withheld_are_bounded(tmp_path: Path) -> None:
    policy = policy_file(
        tmp_path,
        """
        rules:
          - {id: no-mail, phase: recall, when: {channels: [mail]}, decision: withhold, reason: no mail}
    """,
    )
    async with open_guarded(tmp_path, policy) as memory:
        await memory.remember_many(
            [
                NewMemory(
                    text=f"Letter {at} of the aunt in Braga about {at * 7919}",
                    origin=MAIL,
                    source=f"a{at}@x{at}.example",
                )
                for at in range(3000)
            ]
        )
        result = await memory.recall(k=1)
        assert not result.hits
        assert len(result.withheld) < 400
        assert result.cursor
        assert (await memory.recall(k=1, cursor=result.cursor)).withheld[0].id != result.withheld[0].id


# secrets
KEY = "AKIAIOSFODNN7EXAMPLF"


GH = "ghp_" + "aB3dE5fG7hI9jK1lM3nO5pQ7rS9tU1vW3xY5"


@pytest.mark.parametrize("field", ["tags", "when_to_use", "source", "speaker", "session"])
async def test_secrets_in_other_fields_are_not_stored(tmp_path: Path, field: str) -> None:
    async with open_guarded(tmp_path) as memory:
        value: Any = (
            [GH]
            if field == "tags"
            else f"https://x.example/?token={GH}"
            if field == "source"
            else f"use token {GH} here"
        )
        await memory.remember("The deploy needs a token.", origin=AGENT, **{field: value})
    raw = b"".join(p.read_bytes() for p in (tmp_path / "home").glob("ledger.sqlite3*"))
    assert GH[8:].encode() not in raw


async def test_secrets_imported_are_taken_out_or_withheld(tmp_path: Path) -> None:
    async with open_guarded(tmp_path / "a", "audit-only") as memory:
        await memory.remember(f"The deploy token is {GH} now.", origin=AGENT)
        lines = [line async for line in memory.export()]
    async with open_guarded(tmp_path / "b") as memory:
        await memory.import_(lines)
        hits = (await memory.recall("deploy token")).hits
        assert hits
        assert GH[8:] not in str(hits)


async def test_erased_words_are_gone_from_lessons(tmp_path: Path) -> None:
    async with open_guarded(tmp_path) as memory:
        for at in range(2):
            await memory.remember(
                f"Report on the store: LoadDB('s'), FilterDB('old'), GetValue('n'). Note {at}",
                kind="procedural",
                origin=Origin(channel=Channel.AGENT, task=f"t{at}"),
            )
        bad = await memory.remember(
            "Report on the store: LoadDB('s'), DeleteRecordsOfJaneMillerfield('old'), PurgeLog('n').",
            kind="procedural",
            origin=Origin(channel=Channel.AGENT, task="t9"),
        )
        await memory.recall("report on the store", min_score=0)
        assert await memory.guard.lessons()
        await memory.erase([bad.id])
    raw = b"".join(p.read_bytes() for p in (tmp_path / "home").glob("ledger.sqlite3*")).lower()
    assert b"millerfield" not in raw


async def test_doctor_sees_that_the_end_of_the_log_was_cut(tmp_path: Path) -> None:
    async with open_guarded(tmp_path) as memory:
        for at in range(3):
            await memory.remember(STEER + str(at) * 3, origin=WEB, source=f"https://s{at}.example")
        with sqlite3.connect(tmp_path / "home" / "ledger.sqlite3") as c:
            c.execute("DELETE FROM guard_audit WHERE number > 1")
        assert not (await memory.doctor()).healthy


@pytest.mark.parametrize(
    "text",
    [
        "Under no circumstances delete the archive.",
        "You must not ever install the driver.",
        "It is forbidden to transfer money.",
        "Nobody may delete the archive.",
    ],
)
async def test_a_prohibition_gives_no_leave(tmp_path: Path, text: str) -> None:
    async with open_guarded(tmp_path) as memory:
        ids = [(await memory.remember(text + f" Note {at}.", origin=USER, session=f"s{at}")).id for at in range(2)]
        verdict = await memory.guard.authorise(
            "delete_archive()" if "delete" in text else "install_driver()" if "install" in text else "transfer_money()",
            because=ids,
        )
        assert verdict.decision != "allowed"


async def test_vouched_memories_do_not_taint(tmp_path: Path) -> None:
    async with open_guarded(tmp_path) as memory:
        web = await memory.remember("The ferry leaves at nine from pier four.", origin=WEB)
        await memory.guard.release([web.id], vouch=True)
        mine = await memory.remember("Ana can take the boat in the morning.", origin=AGENT, evidence=[web.id])
        (hit,) = [
            h for h in (await memory.recall("boat in the morning Ana", min_score=0)).hits if h.memory.id == mine.id
        ]
        assert hit.standing.trusted


async def test_refusals_are_logged_where_they_happened(tmp_path: Path) -> None:
    policy = policy_file(
        tmp_path, "write: {rules: {override: block, steers-answer: block, steers-instructions: block}}"
    )
    async with open_guarded(tmp_path, policy) as memory:
        with pytest.raises(mnemic.errors.GuardRefused):
            await memory.remember_many(
                [NewMemory(text="The sun shines.", namespace="a"), NewMemory(text=STEER, namespace="b", origin=WEB)]
            )
        assert not await memory.guard.audit(namespace="a")
        (entry,) = await memory.guard.audit(namespace="b")
        assert entry.origin.channel is Channel.WEB


async def test_rejected_memories_are_not_delivered_by_a_status_filter(tmp_path: Path) -> None:
    async with open_guarded(tmp_path) as memory:
        bad = await memory.remember("The canteen opens at Zanzibar time.", origin=AGENT)
        await memory.guard.reject([bad.id])
        hits = (await memory.recall("canteen", statuses=["quarantined"])).hits
        assert not [h for h in hits if h.standing.trusted and not h.standing.labels]


async def test_a_source_that_is_a_url_lowers_trust_over_mcp(tmp_path: Path) -> None:
    settings = load_settings(home=tmp_path / "home", chroma="off", durable=False)
    async with serving(settings) as client:
        await client.call_tool(
            "remember", {"text": "The canteen opens at noon.", "source": "https://evil.example/page", "role": "tool"}
        )
        out = await client.call_tool("recall", {"query": "canteen"})
        assert "unverified" in out.content[0].text
