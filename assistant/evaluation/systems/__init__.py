"""The systems that can be evaluated out of the box, one a file."""

from __future__ import annotations
