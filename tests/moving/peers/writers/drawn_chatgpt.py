"""Exports of ChatGPT in the forms of three times."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.moving.peers.writers.drawing import Drawn, Json, report, write


class Tree:
    """A conversation of ChatGPT as it grows. ``plain`` is the form since 2026, in which nodes name no children."""

    def __init__(self, drawn: Drawn, id: str, root: str, *, plain: bool = False) -> None:
        self.drawn, self.id, self.at, self.plain = drawn, id, root, plain
        self.mapping: Json = {root: {"id": root, "message": None, "parent": None} | ({} if plain else {"children": []})}

    def add(self, id: str, message: Json) -> None:
        self.mapping[id] = {"id": id, "message": message, "parent": self.at}
        if not self.plain:
            self.mapping[id]["children"] = []
            self.mapping[self.at]["children"].append(id)
        self.at = id

    def say(self, role: str, text: str, at: datetime, part: str = "message") -> None:
        """The last node shows ``text``."""
        self.drawn.say(self.id, self.at, role, at, text, part)


# ChatGPT, April 2023.


def chatgpt_2023(folder: Path) -> None:
    drawn = Drawn("chatgpt 2023", datetime(2023, 4, 24, 15, 44, 32, 944263, UTC))
    conversations, titles = [], {}
    for title, turns in (
        ("Fähre nach Almada", [
            ("user", "Wann fährt die erste Fähre nach Almada?\n\nIch muss um neun dort sein.", "stop"),
            ("assistant", "Um 6:20 Uhr.", "again"),
            ("assistant", "Die erste fährt um 6:35 Uhr, die zweite um 7:05 Uhr.", "stop"),
            ("user", "\u8c22\u8c22 \U0001f60a", "stop"),
            ("assistant", "Gern! Der Plan:\n\n```\n6:35  Cais do Sodr\u00e9\n```\n\n1. Zur\u00fcck", "interrupted"),
        ]),
        ("Copper kettle", [("user", "How do I clean a kettle?", "stop"), ("assistant", "With lemon and salt.", "stop")]),
    ):  # fmt: skip
        id, created, root, first = drawn.id(), drawn.tick(), drawn.id(), drawn.id()
        tree = Tree(drawn, id, root)
        author: Json = {"role": "system", "name": None, "metadata": {}}
        tree.add(first, {
            "id": first, "author": author, "create_time": created.timestamp(), "update_time": None,
            "content": {"content_type": "text", "parts": [""]}, "end_turn": True, "weight": 1.0, "metadata": {},
            "recipient": "all",
        })  # fmt: skip
        # The node of the system stands before the root, though it hangs below it.
        tree.mapping = {first: tree.mapping[first], root: tree.mapping[root]}
        for role, text, end in turns:
            node, at, parent = drawn.id(), drawn.tick(40), tree.at
            ends = {"interrupted": {"type": "interrupted"}}.get(end, {"type": "stop", "stop": "<|diff_marker|>"})
            metadata: Json = {"timestamp_": "absolute", "message_type": None}
            if role == "assistant":
                metadata = {
                    "message_type": None,
                    "model_slug": "gpt-4",
                    "finish_details": ends,
                    "timestamp_": "absolute",
                }
            tree.add(node, {
                "id": node, "author": {"role": role, "name": None, "metadata": {}}, "create_time": at.timestamp(),
                "update_time": None, "content": {"content_type": "text", "parts": [text]},
                "end_turn": True if role == "assistant" and end != "interrupted" else None, "weight": 1.0,
                "metadata": metadata, "recipient": "all",
            })  # fmt: skip
            if end == "again":
                tree.at = parent
            else:
                tree.say(role, text, at)
        conversations.append({
            "title": title, "create_time": created.timestamp(), "update_time": float(int(drawn.now.timestamp())),
            "mapping": tree.mapping, "moderation_results": [], "current_node": tree.at, "plugin_ids": None, "id": id,
        })  # fmt: skip
        titles[id] = title
    write(folder, "conversations.json", conversations)
    report(folder, drawn, titles)


# ChatGPT, September to December 2025.


def node_2025(
    tree: Tree, role: str, content: Json, at: datetime | None, metadata: Json, *,
    name: str | None = None, recipient: str = "all", weight: float = 1.0, end: bool | None = None,
    channel: str | None = None,
) -> None:  # fmt: skip
    id = tree.drawn.id()
    tree.add(id, {
        "id": id, "author": {"role": role, "name": name, "metadata": {}},
        "create_time": at.timestamp() if at else None, "update_time": None, "content": content,
        "status": "finished_successfully", "end_turn": end, "weight": weight, "metadata": metadata,
        "recipient": recipient, "channel": channel,
    })  # fmt: skip


def chatgpt_2025(folder: Path) -> None:
    drawn = Drawn("chatgpt 2025", datetime(2025, 9, 18, 4, 43, 34, 774963, UTC))
    tree = Tree(drawn, f"68{drawn.digits(6)}-{drawn.digits(4)}-8332-9e9a-{drawn.digits(12)}", "client-created-root")
    hidden = {"is_visually_hidden_from_conversation": True}
    turn, request = drawn.id(), f"{drawn.digits(16)}-LIS"
    created = drawn.tick()

    def text(*parts: Any) -> Json:
        return {"content_type": "text", "parts": list(parts)}

    def of_the_model(**more: Any) -> Json:
        return {
            "finish_details": {"type": "stop", "stop_tokens": [200002]}, "is_complete": True, "citations": [],
            "content_references": [], "request_id": request, "message_type": "next", "model_slug": "gpt-5",
            "default_model_slug": "auto", "parent_id": tree.at, "turn_exchange_id": turn, "timestamp_": "absolute",
        } | more  # fmt: skip

    def of_the_user(**more: Any) -> Json:
        return {"dictation": False, "request_id": request, "message_source": None, "timestamp_": "absolute"} | more

    def call(recipient: str, content: Json, **more: Any) -> None:
        node_2025(tree, "assistant", content, drawn.tick(), of_the_model(**more), recipient=recipient, end=False)

    def answer(name: str, content: Json, weight: float = 1.0, **more: Any) -> None:
        metadata = {"message_type": "next", "model_slug": "gpt-5", "default_model_slug": "auto", "parent_id": tree.at}
        node_2025(tree, "tool", content, drawn.tick(), metadata | more, name=name, weight=weight)

    def code(words: str) -> Json:
        return {"content_type": "code", "language": "unknown", "response_format_name": None, "text": words}

    # What the service tells the model comes first, without moments.
    node_2025(tree, "system", text(""), None, hidden, weight=0.0, end=True)
    node_2025(tree, "system", text(""), None, {"rebase_developer_message": True} | hidden, weight=0.0, end=True)
    profile = {
        "content_type": "user_editable_context",
        "user_profile": "The user provided the following information.\nUser profile:\n```Preferred name: Ana```",
        "user_instructions": "How the user would like you to respond:\n```Answer briefly.```",
    }
    node_2025(tree, "user", profile, None, hidden | {
        "user_context_message_data": {"about_user_message": "Preferred name: Ana", "about_model_message": "Answer briefly."},
        "is_user_system_message": True,
    })  # fmt: skip
    # A question, and an answer that was asked for again; before each the model leaves an empty message.
    at = drawn.tick()
    node_2025(tree, "user", text("Which tiles\r\n\r\n* blue\r\n* white\r\n\r\nsuit the kitchen?"), at, of_the_user())
    tree.say("user", "Which tiles\r\n\r\n* blue\r\n* white\r\n\r\nsuit the kitchen?", at)
    prompt = {
        "is_contextual_answers_system_message": True, "is_visually_hidden_from_conversation": True, "command": "prompt",
        "contextual_answers_message_type": "sources_and_filters_prompt", "request_id": request, "message_type": "next",
    }  # fmt: skip
    node_2025(tree, "system", text(""), drawn.tick(), prompt)
    asked = tree.at
    for words in ("White ones, says the first answer.", "Blue ones: \U0001f535 they hide stains."):
        tree.at = asked
        node_2025(
            tree,
            "assistant",
            text(""),
            drawn.tick(),
            {"request_id": request, "message_type": "next", "parent_id": tree.at},
        )
        at = drawn.tick()
        node_2025(tree, "assistant", text(words), at, of_the_model(), end=True)
    tree.say("assistant", words, at)
    # A picture and a file are sent along; the file is searched.
    picture = {
        "content_type": "image_asset_pointer", "asset_pointer": f"file-service://file-{drawn.digits(22)}",
        "size_bytes": 219226, "width": 2295, "height": 4080, "fovea": None,
        "metadata": {
            "dalle": None, "gizmo": None, "generation": None, "container_pixel_height": None, "container_pixel_width": None,
            "emu_omit_glimpse_image": None, "emu_patches_override": None, "lpe_keep_patch_ijhw": None, "sanitized": True,
            "asset_pointer_link": None, "watermarked_asset_pointer": None,
        },
    }  # fmt: skip
    attachments = [
        {"id": f"file-{drawn.digits(22)}", "size": 219226, "name": "kitchen.png", "mime_type": "image/png", "width": 2295,
         "height": 4080},
        {"id": f"file-{drawn.digits(22)}", "size": 812, "name": "offer.md", "mime_type": "text/markdown"},
    ]  # fmt: skip
    at = drawn.tick()
    mixed = {"content_type": "multimodal_text", "parts": [picture, "What does the offer say of the blue ones?"]}
    node_2025(tree, "user", mixed, at, of_the_user(attachments=attachments))
    tree.say("user", "What does the offer say of the blue ones?", at)
    display = {
        "content_type": "tether_browsing_display",
        "result": "",
        "summary": "",
        "assets": None,
        "tether_id": None,
    }
    answer("file_search", display, 0.0, command="search", status="finished")
    marked = "Make sure to include \ue200filecite\ue202turn0file0\ue201 in your response to cite this file."
    answer("file_search", text(marked, "Blue tiles: 12 euros."), 0.0)
    quote = {"content_type": "tether_quote", "url": f"file-{drawn.digits(22)}", "domain": "offer.md", "text": "Blue: 12.",
             "title": "offer.md", "tether_id": None}  # fmt: skip
    answer("file_search", quote)
    thought = {"summary": "Reading the offer", "content": "The offer has a price.", "chunks": [], "finished": True}
    thoughts = {"content_type": "thoughts", "thoughts": [thought], "source_analysis_msg_id": drawn.id()}
    node_2025(tree, "assistant", thoughts, drawn.tick(), of_the_model(reasoning_status="is_reasoning"))
    call("python", code("12 * 40"))
    at = drawn.tick()
    result = {"status": "success", "run_id": drawn.id(), "start_time": at.timestamp(), "update_time": at.timestamp(),
              "code": "12 * 40", "end_time": at.timestamp(), "final_expression_output": "480", "in_kernel_exception": None,
              "system_exception": None, "messages": [], "jupyter_messages": [], "timeout_triggered": None}  # fmt: skip
    answer("python", {"content_type": "execution_output", "text": "480"}, aggregate_result=result, is_complete=True)
    recap = {"content_type": "reasoning_recap", "content": "Thought for 6s"}
    node_2025(tree, "assistant", recap, drawn.tick(), of_the_model(reasoning_status="reasoning_ended"), end=False)
    source = {"matched_text": "【8†offer.md†L1-L10】", "start_idx": 33, "end_idx": 54, "alt": None, "type": "file",
              "name": "offer.md", "id": f"file_{drawn.digits(32)}", "source": "my_files", "snippet": "",
              "cloud_doc_url": None}  # fmt: skip
    at = drawn.tick()
    words = "The blue ones cost **12 euros** each 【8†offer.md†L1-L10】, forty of them 480 euros."
    words += " \ue200filecite\ue202turn0file0\ue201"
    node_2025(tree, "assistant", text(words), at, of_the_model(content_references=[source]), end=True, channel="final")
    tree.say("assistant", "The blue ones cost **12 euros** each, forty of them 480 euros.", at)
    # Something is kept in ChatGPT's own memory, and a document is begun.
    at = drawn.tick()
    node_2025(
        tree, "user", text("Remember that I am allergic to peanuts, and write me a shopping list."), at, of_the_user()
    )
    tree.say("user", "Remember that I am allergic to peanuts, and write me a shopping list.", at)
    at = drawn.tick()
    node_2025(tree, "assistant", text("User is allergic to peanuts."), at, of_the_model(), recipient="bio", end=False,
              channel="commentary")  # fmt: skip
    tree.say("assistant", "User is allergic to peanuts.", at, "memory")
    answer("bio", text("Model set context updated."))
    document = json.dumps({"name": "Shopping list", "type": "document", "content": "Rice, lemons."})
    call("canmore.create_textdoc", text(document))
    answer(
        "canmore.create_textdoc",
        text(f"Successfully created text document 'Shopping list' with textdoc_id: '{drawn.digits(32)}'"),
    )
    at = drawn.tick()
    node_2025(tree, "assistant", text("Done: rice and lemons, no peanuts."), at, of_the_model(), end=True)
    tree.say("assistant", "Done: rice and lemons, no peanuts.", at)
    conversation = {
        "title": "Kitchen tiles", "create_time": created.timestamp(), "update_time": drawn.now.timestamp(),
        "mapping": tree.mapping, "moderation_results": [], "current_node": tree.at, "plugin_ids": None,
        "conversation_id": tree.id, "conversation_template_id": None, "gizmo_id": None, "gizmo_type": None,
        "is_archived": False, "is_starred": None, "safe_urls": ["https://tiles.example/offer"], "blocked_urls": [],
        "default_model_slug": "auto", "conversation_origin": None, "is_read_only": None, "voice": None, "async_status": None,
        "disabled_tool_ids": [], "is_do_not_remember": False, "memory_scope": "global_enabled", "context_scopes": None,
        "sugar_item_id": None, "sugar_item_visible": False, "pinned_time": None, "is_study_mode": False, "owner": None,
        "id": tree.id,
    }  # fmt: skip
    write(folder, "conversations.json", [conversation])
    report(folder, drawn, {tree.id: "Kitchen tiles"})


# ChatGPT, August 2026: several files, indented, keys in order; what was not said is not there.


def chatgpt_2026(folder: Path) -> None:
    drawn = Drawn("chatgpt 2026", datetime(2026, 5, 17, 15, 20, 11, 480169, UTC))
    titles: Json = {}

    def begin() -> tuple[Tree, datetime]:
        return Tree(
            drawn, f"6a{drawn.digits(6)}-{drawn.digits(4)}-83ee-a602-{drawn.digits(12)}", drawn.id(), plain=True
        ), drawn.tick()

    def add(tree: Tree, role: str, content: Json, metadata: Json | None, shown: str | None) -> None:
        id, at = drawn.id(), drawn.tick()
        message = {"author": {"name": None, "role": role}, "content": content, "create_time": at.timestamp(), "id": id}
        tree.add(id, message if metadata is None else message | {"metadata": metadata})
        if shown is not None:
            tree.say(role, shown, at)

    def end(tree: Tree, title: str | None, created: datetime) -> Json:
        titles[tree.id] = title
        return {
            "conversation_id": tree.id, "conversation_template_id": None, "create_time": created.timestamp(),
            "current_node": tree.at, "default_model_slug": "auto", "id": tree.id, "is_archived": False,
            "is_do_not_remember": None, "is_read_only": None, "is_starred": None, "is_study_mode": False,
            "mapping": tree.mapping, "memory_scope": "global_enabled", "pinned_time": None, "plugin_ids": None,
            "title": title, "update_time": drawn.now.timestamp(), "voice": None,
        }  # fmt: skip

    def text(words: str) -> Json:
        return {"content_type": "text", "parts": [words]}

    def spoken(direction: str, words: str) -> Json:
        part = {"content_type": "audio_transcription", "decoding_id": None, "direction": direction, "text": words}
        return {"content_type": "multimodal_text", "parts": [part]}

    def of_the_model(**more: Any) -> Json:
        # The parent that is named here was left out of the export.
        return {"content_references": [], "model_slug": "gpt-5-6", "parent_id": drawn.id()} | more

    tree, created = begin()
    add(tree, "user", text("Which books on lighthouses are good? "), None, "Which books on lighthouses are good? ")
    entity = {"alt": "The Lamp Room", "entity_data": None, "entity_index": None, "extra_params": {"disambiguation": "novel"},
              "id": drawn.digits(16), "metadata": None, "name": "The Lamp Room", "notes": None, "prefix": None,
              "prompt_text": "The Lamp Room", "type": "entity"}  # fmt: skip
    pages = {
        "alt": "([Harbour Press](https://harbour.example/lamp?utm_source=chatgpt.com))", "fallback_items": None,
        "items": [{
            "attribution": "Harbour Press", "attribution_segments": None, "attributions": None, "hue": None,
            "pub_date": None, "refs": [{"ref_index": 3, "ref_type": "search", "turn_index": 0}], "snippet": "",
            "supporting_websites": [], "title": "The Lamp Room", "url": "https://harbour.example/lamp?utm_source=chatgpt.com",
        }],
        "prefix": None, "prompt_text": None, "type": "grouped_webpages",
    }  # fmt: skip
    footnote = {"alt": "", "has_images": False, "prefix": None, "prompt_text": None, "sources": [
        {"attribution": "Harbour Press", "title": "The Lamp Room", "url": "https://harbour.example/lamp?utm_source=chatgpt.com"},
    ], "type": "sources_footnote"}  # fmt: skip
    found = [{"domain": "harbour.example", "entries": [
        {"attribution": "harbour.example", "snippet": "THE LAMP ROOM  A novel.", "title": "The Lamp Room",
         "url": "https://harbour.example/lamp?utm_source=chatgpt.com"},
    ]}]  # fmt: skip
    add(
        tree, "assistant",
        text(
            '1. \ue200entity\ue202["book","The Lamp Room","novel"]\ue201  \n'
            "   Quiet and exact. \ue200cite\ue202turn0search3\ue202turn0search4\ue201\n"
            '2. \ue200entity\ue202["book","Ana \\"Fog\\" Marsh",0]\ue201 \u2014 her letters.'
        ),
        of_the_model(content_references=[entity, pages, footnote], search_result_groups=found),
        '1. The Lamp Room  \n   Quiet and exact.\n2. Ana "Fog" Marsh \u2014 her letters.',
    )  # fmt: skip
    # The question is changed: what followed it stays, on a branch that is shown no more.
    before = tree.at
    add(tree, "user", text("Only those from Portugal?"), {"content_references": []}, None)
    add(tree, "assistant", text("None that I know."), of_the_model(), None)
    tree.at = before
    add(tree, "user", text("Only those by women?"), {"content_references": []}, "Only those by women?")
    add(tree, "assistant", text("The second, then."), of_the_model(), "The second, then.")
    first = end(tree, "Summarize: Books on lighthouses", created)
    tree, created = begin()
    add(tree, "user", text("\ue0b0 is a sign of my terminal's font."), {"image_results": [], "model_slug": "auto"},
        "\ue0b0 is a sign of my terminal's font.")  # fmt: skip
    add(tree, "assistant", text("It is an arrow. \u263a\ufe0f"), of_the_model(), "It is an arrow. \u263a\ufe0f")
    second = end(tree, None, created)
    tree, created = begin()
    voice = {"bidi_voice_fem_message": True, "bidi_voice_mode_message": True, "model_slug": "bidi-mini"}
    for role, direction, words in (
        ("user", "in", " Trust me, it rains tomorrow"), ("assistant", "out", " Hmm."),
        ("assistant", "out", " Then take the ferry at nine,"), ("user", "in", " Okay"),
    ):  # fmt: skip
        add(tree, role, spoken(direction, words), voice | {"parent_id": tree.at}, words)
    add(tree, "assistant", text("Nine it is."), of_the_model(), "Nine it is.")
    third = end(tree, "Regen und F\u00e4hre", created)
    files: list[tuple[str, Any]] = [
        ("conversations-000.json", [first, second]), ("conversations-001.json", [third]),
        ("message_feedback.json", []), ("shared_conversations.json", []),
        ("user.json", {"chatgpt_plus_user": False, "email": "ana@example.org", "id": f"user-{drawn.digits(24)}"}),
    ]  # fmt: skip
    for name, value in files:
        write(folder, name, value, indent=2)
    names = [name for name, _ in files]
    write(folder, "export_manifest.json", {
        "export_files": [{"path": name, "size_bytes": (folder / name).stat().st_size} for name in names],
        "logical_files": {
            "conversations.json": {"files": names[:2], "sharded": True},
            **{name: {"files": [name], "sharded": False} for name in names[2:]},
        },
        "manifest_file": "export_manifest.json", "version": 1,
    }, indent=2)  # fmt: skip
    report(folder, drawn, titles)
