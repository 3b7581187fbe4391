"""What can be seen of a server's calls: names, times and ends, and no text."""

from __future__ import annotations

from pathlib import Path

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from mnemic import Memory
from mnemic.bootstrap import load_settings
from mnemic.errors import InvalidInput
from mnemic_mcp.http import observing
from mnemic_mcp.http.observing import Observing

SECRET = "The vault opens with heliotrope."


async def test_every_call_is_a_span_and_a_number_and_neither_holds_a_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spans = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    monkeypatch.setattr(observing, "get_tracer", provider.get_tracer)
    seen = Observing()
    async with Memory(load_settings(home=tmp_path, chroma="off"), observer=seen) as memory:
        await memory.remember(SECRET)
        await memory.recall("heliotrope")
        with pytest.raises(InvalidInput):
            await memory.recall("heliotrope", k=0)
    finished = spans.get_finished_spans()
    assert [span.name for span in finished] == ["mnemic remember", "mnemic recall", "mnemic recall"]
    assert [span.status.status_code for span in finished] == [StatusCode.UNSET, StatusCode.UNSET, StatusCode.ERROR]
    assert finished[-1].status.description == "InvalidInput"
    told = seen.metrics().decode()
    assert 'mnemic_calls_total{outcome="ok",use_case="remember"} 1.0' in told
    assert 'mnemic_calls_total{outcome="InvalidInput",use_case="recall"} 1.0' in told
    assert "mnemic_calls_running 0.0" in told
    assert "heliotrope" not in told + "".join(span.to_json() for span in finished)
