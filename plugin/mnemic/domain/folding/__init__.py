"""Automatic folding of working memory: what an agent is shown of its past, decided without a model."""

from mnemic.domain.folding.items import Decision, FoldingItem, ItemKind, folded_arguments, is_json_call
from mnemic.domain.folding.policy import Folder
from mnemic.domain.folding.presets import PRESETS, FoldingPreset

__all__ = [
    "PRESETS",
    "Decision",
    "Folder",
    "FoldingItem",
    "FoldingPreset",
    "ItemKind",
    "folded_arguments",
    "is_json_call",
]
