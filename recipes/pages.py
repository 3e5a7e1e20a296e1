"""Puts together a page that needs no network, and runs nothing but its own script."""

import base64
import hashlib
import html
import json
from string import Template
from typing import Any

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="$policy">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>$title</title>
<style>$style</style>
</head>
%s</html>
"""
RULES = ("default-src 'none'", "base-uri 'none'", "form-action 'none'", "img-src data:")


def fill_page(
    body: str, title: str, style: str, script: str, data: Any = None, **parts: str
) -> str:
    """Makes a page of its body, and fills the places in that: `$script`, `$data`, and parts.

    The page's policy lets nothing else run, and nothing load.

    Args:
        body: The body in HTML, its tags included, with these places.
        title: Its title, as text.
        style, script: All that it has of either.
        data: What its script reads. It stands in one JSON element, in which no markup can begin.
        **parts: Other places by their names: HTML, in which all that comes from data is escaped.
    """
    policy = [*RULES, f"script-src {_digest(script)}", f"style-src {_digest(style)}"]
    return Template(PAGE % body).substitute(
        parts,
        policy="; ".join(policy),
        title=html.escape(title),
        style=style,
        script=script,
        data=json.dumps(data).replace("<", "\\u003c"),
    )


def _digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
