"""What may be sent when the window is closed: a template that Meta approved, with the answer in it if it has a gap for that."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from assistant.errors import Rejected
from assistant.markup import utf16
from assistant.types import Outgoing
from connectors._meta_options import require
from connectors._meta_text import plain
from connectors._whatsapp_limits import TEMPLATE_CHARS

NAME = re.compile(r"[a-z0-9_]{1,512}")
LANGUAGE = re.compile(r"[a-z]{2,3}(_[A-Z]{2})?")
PARAMETER = re.compile(r"1|[a-z][a-z0-9_]{0,63}")
"""How templates, their languages and their gaps are called. …/whatsapp/templates/overview, 2026-05."""


@dataclass(frozen=True, slots=True)
class Template:
    """A template: `parameter` is the gap in its body that takes the answer ("1": the numbered one); None: there is none."""

    name: str
    language: str
    parameter: str | None = None

    def message(self, outgoing: Outgoing) -> dict[str, Any]:
        """The message it makes in place of `outgoing`.

        Raises:
            Rejected: the answer does not fit into the gap.
        """
        named: dict[str, Any] = {"name": self.name, "language": {"code": self.language, "policy": "deterministic"}}
        if self.parameter is not None:
            value = {"type": "text", "text": self._line(outgoing)}
            gap = value if self.parameter == "1" else {**value, "parameter_name": self.parameter}
            named["components"] = [{"type": "body", "parameters": [gap]}]
        return {"type": "template", "template": named}

    def _line(self, outgoing: Outgoing) -> str:
        """The text on one line: a gap takes no line breaks, no tabs and no row of spaces (error 132018)."""
        line = " ".join((plain(outgoing.text) or outgoing.text).split())
        if outgoing.attachments:
            raise Rejected(
                f"the template {self.name!r} cannot take the files of a message: send them when the person writes again"
            )
        if not line or utf16(line) > TEMPLATE_CHARS:
            raise Rejected(
                f"a text of {utf16(line)} characters does not fit into the template {self.name!r}, which takes 1 to "
                f"{TEMPLATE_CHARS}: it can be sent when the person writes again"
            )
        return line


def configured(name: str | None, language: str | None, parameter: str | None, *, section: str) -> Template | None:
    """The template of the options; None: none is configured.

    Raises:
        ConfigurationError: an option that cannot be.
    """
    key = f"connectors.{section}.template"
    if name is None:
        require(
            not language and not parameter,
            f"{key} is not set, but {key}_language or {key}_parameter is: set all, or none",
        )
        return None
    require(NAME.fullmatch(name) is not None, f"{key} is {name!r}: names of templates are of a-z, 0-9 and _")
    require(language is not None and LANGUAGE.fullmatch(language) is not None,
            f"{key}_language is {language!r}, and the template {name!r} needs the code it has in WhatsApp Manager, such as 'en_US'")  # fmt: skip
    require(parameter is None or PARAMETER.fullmatch(parameter) is not None,
            f"{key}_parameter is {parameter!r}: it is '1', or the name of the one gap in the template's body")  # fmt: skip
    return Template(name, language or "", parameter)
