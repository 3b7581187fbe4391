"""Transcripts of conversations: read what agents and providers write, write what providers take."""

from mnemic.domain.working_memory.transcripts.anthropic_messages import write_anthropic
from mnemic.domain.working_memory.transcripts.claude_code import spoken_text
from mnemic.domain.working_memory.transcripts.drafts import Transcript, TranscriptFormat
from mnemic.domain.working_memory.transcripts.langchain_messages import read_langchain_message, write_langchain
from mnemic.domain.working_memory.transcripts.openai_messages import write_openai
from mnemic.domain.working_memory.transcripts.reading import read_transcript

__all__ = [
    "Transcript",
    "TranscriptFormat",
    "read_langchain_message",
    "read_transcript",
    "spoken_text",
    "write_anthropic",
    "write_langchain",
    "write_openai",
]
