"""Writes one page, without network, on which people look at attention."""

import base64
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ..pages import fill_page
from .arrays import AttentionArrays, Heads, Token
from .packing import pack_all, pack_signed, pack_weights

PAGE_BYTES = 3_000_000  # weights are written as finely as fits in so many
FINE = 65535  # levels of a rollout, which is small
LONG = 60  # tokens: of more than that, the matrix is seen first
WEB = Path(__file__).parent / "web"
# Each uses what is above it.
SCRIPTS = ("data", "state", "paint", "tokens", "lines", "matrix", "overview", "picture")
SCRIPTS += ("said", "controls", "main")
STYLES = ("theme.css", "page.css")  # what the pages of a run have in common, and its own


def make_page(attention: AttentionArrays, size: int = PAGE_BYTES) -> str:
    """Returns the page of what a model attends to, in HTML, of at most about `size` bytes.

    All that comes from data stands in one JSON element, and the page's script shows it as text.
    """
    files = [(WEB / f"{name}.js").read_text(encoding="utf-8") for name in (*SCRIPTS, "start")]
    script = "".join(['(() => {\n"use strict";\n', *files, "})();\n"])
    style = "".join((WEB / name).read_text(encoding="utf-8") for name in STYLES)
    template, sections = (
        (WEB / name).read_text(encoding="utf-8") for name in ("page.html", "sections.html")
    )
    data = page_data(attention, size - len(script) - len(style))
    title = f"{attention.title} · regard attend"
    return fill_page(template, title, style, script, data, sections=sections)


def page_data(attention: AttentionArrays, room: int = PAGE_BYTES) -> dict[str, Any]:
    """Returns what the page's script reads, in at most about `room` bytes, for JSON."""
    variants = [attention, *attention.alternatives]
    stacks = {id(heads): heads for each in variants for heads in each.heads.values()}
    others = {
        "subject": attention.subject,
        "reader": attention.reader,
        "picture": _picture(attention),
        "variants": [_variant(each, list(stacks)) for each in variants],
    }
    rollouts = [heads.rollout is not None and _rollout(heads) for heads in stacks.values()]
    room -= len(json.dumps(others)) + len(json.dumps(rollouts))
    weights = pack_all(list(stacks.values()), 0.98 * room)  # and names of tokens
    parts = [
        {
            "queries": _tokens(heads.queries),
            "keys": _tokens(heads.keys),
            "isSelf": heads.queries is heads.keys,
            "weights": packed,
            "rollout": rollout or None,
        }
        for heads, packed, rollout in zip(stacks.values(), weights, rollouts, strict=True)
    ]
    levels = weights[0]["levels"]
    note = f"{attention.note} Weights on this page are within 1/{levels:,} of the model's.".strip()
    return {**others, "parts": parts, "note": note, "start": _start(attention)}


def _start(attention: AttentionArrays) -> dict[str, Any]:
    """Says what is shown first: where alignments are best seen, or what the answer is made of."""
    name = "cross" if "cross" in attention.heads else "encoder"
    heads = attention.heads[name]
    last = len(heads.weights) - 1
    layer = max(0, last - 1) if name == "cross" else last
    is_matrix = name == "cross" or len(heads.queries) > LONG
    return {"part": name, "layer": layer, "view": "matrix" if is_matrix else "lines"}


def _variant(attention: AttentionArrays, stacks: list[int]) -> dict[str, Any]:
    return {
        "label": attention.title,
        "score": round(float(attention.score), 6),
        "isValue": attention.is_value,
        "parts": {name: stacks.index(id(heads)) for name, heads in attention.heads.items()},
        "outcomes": [each._asdict() for each in attention.outcomes],
        "contributions": pack_signed(attention.contributions),
    }


def _rollout(heads: Heads) -> dict[str, Any]:
    return pack_weights(heads.rollout[np.newaxis], FINE, heads.is_causal)


def _tokens(tokens: Sequence[Token]) -> list[list]:
    return [[token.text, int(token.is_special), int(token.is_spaced)] for token in tokens]


def _picture(attention: AttentionArrays) -> dict[str, Any] | None:
    if attention.picture is None:
        return None
    file = io.BytesIO()
    Image.fromarray(attention.picture).save(file, "PNG")
    rows, columns = attention.grid
    source = f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"
    return {"source": source, "rows": rows, "columns": columns}
