"""Frozen text encoders behind one interface, and the cache of what they give (section 2.1, appendix D.1).

`find_encoder` finds one by name and knows its size and identity from its files alone, `load_encoder` loads
it, `PromptEncoder` encodes prompts once each and lets the encoder go.
"""

from imagen.text.encoders import TextEncoder
from imagen.text.files import EncoderFiles, find_encoder
from imagen.text.loading import load_encoder
from imagen.text.minilm import MiniLM
from imagen.text.prompts import PromptEncoder, TextPlaces
from imagen.text.spec import KNOWN, MAX_TOKENS, EncoderSpec, parse_encoder
from imagen.text.states import TokenStates, collate, null_text
from imagen.text.store import StateStore

__all__ = [
    "KNOWN",
    "MAX_TOKENS",
    "EncoderFiles",
    "EncoderSpec",
    "MiniLM",
    "PromptEncoder",
    "StateStore",
    "TextEncoder",
    "TextPlaces",
    "TokenStates",
    "collate",
    "find_encoder",
    "load_encoder",
    "null_text",
    "parse_encoder",
]
