"""Markdown for messaging platforms: one parser, a renderer to derive a platform's markup from, and splitting by its limit."""

from assistant.markup.parse import clean, tree
from assistant.markup.renderer import Renderer, plain
from assistant.markup.runs import Mark, Run
from assistant.markup.split import split
from assistant.markup.units import utf8, utf16

__all__ = ["Mark", "Renderer", "Run", "clean", "plain", "split", "tree", "utf8", "utf16"]
