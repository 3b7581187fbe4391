"""What lies in the folder of a memory."""

from __future__ import annotations

LEDGER_FILE = "ledger.sqlite3"
CHROMA_FOLDER = "chroma"
CHROMA_LOCK = "chroma-owner.lock"
MODELS_FOLDER = "models"
