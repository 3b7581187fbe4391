"""The subgoal node on recorded chats of tau-bench: what its prompts hold, and whether later arguments can be read in them.

The recorded agent knew nothing of subgoals, so every turn of the user counts as one, with a name that tells nothing. What
is saved is told beside the same history in the same protocol with nothing folded, and beside the bare words of the messages,
without the labels that the protocol puts before every line.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from langchain_core.messages import AIMessage, HumanMessage, ToolMessage

from mnemic.services.working_memory.conversation import ContextRules
from mnemic_langgraph.subgoals import create_subgoal_node, observation
from mnemic_langgraph.testing import ScriptedChatModel
from mnemic_langgraph.working_memory import Projection
from tests.benchmarks.context_chats import Chat, arguments, parts, recorded_chats
from tests.benchmarks.folding import counter
from tests.benchmarks.folding_data import TAU_FILE
from tests.benchmarks.folding_metrics import Count, Reader


def measure(chats: Sequence[Chat], folding: str | None, count: Count) -> dict[str, Any]:
    """History tokens saved over all prompts, percent, in the same form and beside the bare messages, and the later arguments
    that can be read and all there are.
    """
    projection, reader = Projection(ContextRules(text_protocol=True, folding=folding)), Reader()
    shown = full = bare = readable = wanted = 0
    for chat in chats:
        state: list[Any] = []
        said: list[str] = []
        labelled: list[str] = []
        acts = iter(chat.episode.acts)
        head = reader.key(chat.head)
        begins = True
        for message in chat.messages:
            if not isinstance(message, AIMessage):
                begins = begins or isinstance(message, HumanMessage)
                is_result = isinstance(message, ToolMessage)
                state.append(observation(message.text or "·") if is_result else HumanMessage(message.text))
                said.append(message.text)
                labelled.append(f"Observation: {message.text}" if is_result else message.text)
                continue
            model = ScriptedChatModel(script=[_as_protocol(message, f"request {len(state)}" if begins else None)])
            node = create_subgoal_node(model=model, projection=projection)
            update = node.invoke({"messages": state})
            prompt = model.prompts[0][1].text
            shown += count(prompt)
            full += sum(map(count, labelled))
            bare += sum(map(count, said))
            key, before = reader.key(prompt), "\x00".join(map(reader.key, said))
            for phrase in next(acts).arguments:
                if phrase and f" {phrase} " not in head and f" {phrase} " in before:
                    wanted += 1
                    readable += f" {phrase} " in key
            state += update["messages"]
            said += parts(message)
            labelled.append(update["messages"][0].text)
            begins = False
    return {
        "folding": folding,
        "saved": round(100 * (1 - shown / full), 2),
        "saved_bare": round(100 * (1 - shown / bare), 2),
        "readable": readable,
        "wanted": wanted,
    }


def _as_protocol(message: AIMessage, subgoal: str | None) -> str:
    words = " ".join(message.text.split())
    calls = "; ".join(f"{call['name']}({arguments(call)})" for call in message.tool_calls)
    lines = [f"Subgoal: {subgoal}"] if subgoal else []
    lines += [words] if calls and words else []
    return "\n".join([*lines, f"Action: {calls or f'say {words}'}"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--every", type=int, default=1, help="take each n-th chat")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    if not (arguments.data / TAU_FILE).is_file():
        print(f"skipped: {TAU_FILE} is not in {arguments.data}")
        return
    name, count = counter("tiktoken")
    chats = recorded_chats(arguments.data)[:: arguments.every]
    rows = [measure(chats, folding, count) for folding in (None, "lean")]
    for row in rows:
        print(
            f"folding {row['folding']}: {row['saved']} % saved ({row['saved_bare']} % beside bare messages), "
            f"{row['readable']} of {row['wanted']} arguments ({name})"
        )
    if arguments.json is not None:
        arguments.json.write_text(json.dumps({"counter": name, "chats": len(chats), "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
