"""Meta's published schema of WhatsApp messages, where it is at hand: a second judge of what is sent."""

from __future__ import annotations

from functools import cache
from io import StringIO
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[3] / "shared" / "contracts" / "whatsapp"
"""The OpenAPI document, and the repairs without which it refuses its own examples."""


LATER = ("recipient", "biz_opaque_callback_data")
"""Fields that are newer than the schema, or that it has for calls only."""


def complaints(body: dict[str, Any]) -> list[str]:
    """What the schema says against a message; nothing where there is no schema, or where it knows nothing of the kind."""
    judge = _judge()
    if judge is None or body.get("interactive", {}).get("type") == "cta_url":
        return []
    known = {"to": "15550002222"} | {key: value for key, value in body.items() if key not in LATER}
    if "template" in known:  # it demands a policy that Meta's own examples lack
        known["template"] = {
            **known["template"],
            "language": {"policy": "deterministic", **known["template"]["language"]},
        }
    return [error.message[:200] for error in judge.iter_errors(known)]


def prepare() -> None:
    """Read the schema, which takes a second or two, once for all."""
    _judge()


@cache
def _judge() -> Any:
    """A validator of jsonschema for one message."""
    source = FOLDER / "whatsapp_schema.py"
    if not source.exists():
        return None
    repairs: dict[str, Any] = {
        "__name__": "whatsapp_schema",
        "open": lambda name: StringIO((FOLDER / name).read_text(encoding="utf-8")),
    }
    exec(compile(source.read_text(encoding="utf-8"), str(source), "exec"), repairs)
    repaired, _ = repairs["repair"](repairs["d"])
    return repairs["validator"](repaired, "/components/schemas/Message")
