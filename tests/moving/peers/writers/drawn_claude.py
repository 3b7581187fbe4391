"""Exports of Claude in the forms of three times."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.moving.peers.writers.drawing import Drawn, Json, report, write


def moment(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def claude_2024(folder: Path) -> None:
    drawn = Drawn("claude 2024", datetime(2024, 9, 2, 23, 22, 32, 8224, UTC))
    conversations, titles = [], {}
    attachment = {
        "file_name": "plan.txt",
        "file_size": 31,
        "file_type": "txt",
        "extracted_content": "The harbour plan says ten\u2026",
    }
    for name, turns in (
        ("Exporting the harbour's plan", [
            ("human", "When does the ferry leave? The plan is attached.", [attachment]),
            ("assistant", " At ten, says the plan. Shall I explain it?", []),
        ]),
        ("", [("human", "Say \u201chello\u201d.", []), ("assistant", " \u201cHello\u201d.", [])]),
    ):  # fmt: skip
        id, created = drawn.id(), drawn.tick()
        messages, at = [], drawn.tick()
        for sender, text, attachments in turns:
            # A question and its answer have the same moment.
            uuid_ = drawn.id()
            messages.append({
                "uuid": uuid_, "text": text, "sender": sender, "created_at": moment(at), "updated_at": moment(at),
                "attachments": attachments, "files": [],
            })  # fmt: skip
            role = {"human": "user"}.get(sender, sender)
            drawn.say(id, uuid_, role, at, text)
            for one in attachments:
                drawn.say(id, uuid_, role, at, str(one["extracted_content"]), "attachment")
        conversations.append({
            "uuid": id, "name": name, "created_at": moment(created), "updated_at": moment(at), "chat_messages": messages
        })  # fmt: skip
        titles[id] = name
    write(folder, "conversations.json", conversations)
    report(folder, drawn, titles)


PLACEHOLDER = "```\nThis block is not supported on your current device yet.\n```"
ROOT = "00000000-0000-4000-8000-000000000000"


class Chat:
    """A conversation of Claude since 2025, made of blocks. ``later`` is the form since April 2026, which names parents."""

    def __init__(self, drawn: Drawn, name: str, summary: str, *, later: bool) -> None:
        self.drawn, self.later, self.id = drawn, later, drawn.id()
        self.value: Json = {"uuid": self.id, "name": name, "summary": summary, "created_at": moment(drawn.tick())}
        self.messages: list[Json] = []
        self.at = ROOT

    def block(self, type: str, *, untimed: bool = False, **fields: Any) -> Json:
        at = None if untimed else moment(self.drawn.tick(2))
        return {"start_timestamp": at, "stop_timestamp": at, "flags": None, "type": type} | fields

    def text(self, words: str) -> Json:
        return self.block("text", text=words, citations=[])

    def thinking(self, words: str) -> Json:
        fields: Json = {"thinking": words, "summaries": [{"summary": "Looked at the plan."}], "cut_off": False}
        if self.later:
            fields |= {"truncated": False, "hidden": False, "thinking_hidden": False}
        fields["alternative_display_type"] = None
        if self.later:
            fields["signature"] = None
        return self.block("thinking", **fields)

    def tool(self, name: str, given: Json, result: str) -> list[Json]:
        """A call, its result, and the mark of the budget that follows them."""
        id = f"toolu_01{self.drawn.digits(22)}"
        shown = {"type": "text", "text": result}
        table = {"type": "table", "table": [["value", result]]}
        nothing = ["integration_name", "integration_icon_url", "tool_identifier", "icon_name", "context"]
        end = [
            "approval_options",
            "approval_key",
            "approval_key_legacy",
            "is_mcp_app",
            "hidden_in_chat",
            "mcp_server_url",
        ]
        own: Json = {"tool_origin": "first_party"} if self.later else {}
        early = ("tool_identifier", "approval_key_legacy", "hidden_in_chat", "mcp_server_url")

        def empty(names: list[str]) -> Json:
            return {name: None for name in names if self.later or name not in early}

        use = {"id": id, "name": name, "input": given, "message": name, **empty(nothing), "display_content": table}
        answer = {
            "tool_use_id": id, "name": name, "content": [shown | {"uuid": self.drawn.id()}], "is_error": False,
            **empty(["structured_content", "meta", "message", "integration_name", "mcp_server_url", "integration_icon_url"]),
            "icon_name": "file", "display_content": {"type": "json_block", "json_block": json.dumps({"code": result})},
            **empty(["hidden_in_chat"]),
        }  # fmt: skip
        return [
            self.block("tool_use", **use, **empty(end), **own), self.block("tool_result", untimed=True, **answer, **own),
            self.block("token_budget", untimed=True),
        ]  # fmt: skip

    def add(
        self, sender: str, blocks: list[Json], shown: str | None, *, attachments: list[Json] | None = None,
        files: list[Json] | None = None,
    ) -> str:  # fmt: skip
        uuid_, at = self.drawn.later_id(), self.drawn.tick()
        # The service's own rendering: thoughts are in it, and a placeholder for each call.
        rendered = [
            str(one.get("text", one.get("thinking", PLACEHOLDER)))
            for one in blocks
            if one["type"] in ("text", "thinking", "tool_use")
        ]
        message = {
            "uuid": uuid_, "text": "\n".join(rendered), "content": blocks, "sender": sender, "created_at": moment(at),
            "updated_at": moment(at), "attachments": attachments or [], "files": files or [],
        }  # fmt: skip
        self.messages.append(message | ({"parent_message_uuid": self.at} if self.later else {}))
        self.at = uuid_
        role = {"human": "user"}.get(sender, sender)
        if shown is not None:
            self.drawn.say(self.id, uuid_, role, at, shown)
            for one in attachments or []:
                if one["extracted_content"]:
                    self.drawn.say(self.id, uuid_, role, at, one["extracted_content"], "attachment")
        return uuid_

    def end(self, account: str) -> Json:
        last = self.messages[-1]["updated_at"] if self.messages else self.value["created_at"]
        return self.value | {"updated_at": last, "account": {"uuid": account}, "chat_messages": self.messages}


def claude_2026_03(folder: Path) -> None:
    drawn = Drawn("claude 2026-03", datetime(2026, 3, 13, 20, 49, 16, 954734, UTC))
    account = drawn.id()
    chat = Chat(
        drawn, "Opini\u00f3n sobre el plan", "**Conversation Overview**\n\nThe person asked about a plan.", later=False
    )
    pasted = {"file_name": "", "file_size": 24, "file_type": "txt", "extracted_content": "Row 1: nine.\nRow 2: ten."}
    chat.add("human", [chat.text("como ves este plan")], "como ves este plan", attachments=[pasted],
             files=[{"file_name": ""}, {"file_name": "harbour.png"}])  # fmt: skip
    chat.add(
        "assistant",
        [chat.text(" Voy a mirarlo."), *chat.tool("view", {"path": "/mnt", "description": "Ver el plan"}, "1K\t/mnt\n"),
         chat.thinking("The plan has two rows."), *chat.tool("bash_tool", {"command": "ls"}, '{"returncode":0}'),
         chat.text("Tiene **dos filas**:\n\n- nueve\n- diez")],
        " Voy a mirarlo.\nTiene **dos filas**:\n\n- nueve\n- diez",
    )  # fmt: skip
    # An answer that was stopped while it called a tool has no words of its own.
    chat.add("human", [chat.text("Which is better?")], "Which is better?")
    chat.add(
        "assistant",
        [chat.thinking("Ten is better."), *chat.tool("web_search", {"query": "ferry"}, "nothing"), chat.text("")],
        None,
    )
    empty = Chat(drawn, "", "", later=False)
    write(folder, "conversations.json", [chat.end(account), empty.end(account)])
    users = [{"uuid": account, "full_name": "Ana", "email_address": "ana@example.org", "verified_phone_number": None}]
    write(folder, "users.json", users)
    write(folder, "projects.json", [])
    kept = (
        "**Work context**\n\nAna keeps the harbour's plan, in **two** rows.",
        "**Brief history**\n\n*Recent months*\n\nAna read the plan anew.\n\n*Long-term background*\n\nShe began in 2024.",
        "**Other instructions**\n\n- Claude debe responder en castellano.",
    )
    memory = "\n\n".join((*kept[:2], "---", kept[2]))
    write(folder, "memories.json", [{"conversations_memory": memory, "account_uuid": account}])
    for section in kept:
        heading, _, rest = section.partition("\n\n")
        drawn.said.append([None, None, None, None, f"{heading.strip('*')}\n\n{rest}", "memory"])
    report(folder, drawn, {chat.id: "Opini\u00f3n sobre el plan", empty.id: ""})


def claude_2026_08(folder: Path) -> None:
    drawn = Drawn("claude 2026-08", datetime(2026, 8, 3, 16, 0, 35, 833791, UTC))
    account = drawn.id()
    chat = Chat(drawn, "Reading the tide table", "", later=True)
    # The first question was changed while its answer was being written: two messages hang from the root.
    chat.add("human", [chat.text("How do I read a tide table?")], None)
    chat.add("assistant", [chat.text(" "), chat.thinking("The")], None)
    chat.at = ROOT
    note = chat.block("injected_prompt_block", injection_source="date_note", prompt="\n\nThe current date is Monday.")
    asked = chat.add(
        "human", [note, chat.text("How do I read a tide table in Lisbon?")], "How do I read a tide table in Lisbon?"
    )
    # The answer was asked for again.
    chat.add("assistant", [chat.text("Column by column.")], None)
    chat.at = asked
    citation = {"uuid": drawn.id(), "start_index": 0, "end_index": 9,
                "details": {"type": "web_search_citation", "url": "https://tides.example/lisbon"}}  # fmt: skip
    said = chat.text("High tide stands in the first column.")
    said["citations"] = [citation]
    chat.add(
        "assistant",
        [chat.text(" "), chat.thinking("They want Lisbon."), *chat.tool("web_search", {"query": "tides"}, "page"), said,
         chat.text("Low tide stands in the second.")],
        "High tide stands in the first column.\nLow tide stands in the second.",
    )  # fmt: skip
    # Two messages of one sender follow each other; the last names a file whose text is here, and a picture.
    attachment = {
        "file_name": "tides.md",
        "file_size": 19,
        "file_type": "text/markdown",
        "extracted_content": "| 9:12 | 3.4 m |",
    }
    chat.add("human", [chat.text("Q: Which table?\nA: [No preference]")], "Q: Which table?\nA: [No preference]")
    files = [{"file_uuid": drawn.id(), "file_name": "tides.md"}, {"file_uuid": drawn.id(), "file_name": "table.png"}]
    chat.add("human", [chat.text("This one.")], "This one.", attachments=[attachment], files=files)
    write(folder, "conversations.json", [chat.end(account)])
    report(folder, drawn, {chat.id: "Reading the tide table"})
