"""E-mail: .eml with the standard library, Outlook's .msg through markitdown; attachments are named, never opened."""

from __future__ import annotations

import re
from collections.abc import Iterable
from email import message_from_bytes, policy
from email.message import MIMEPart
from io import BytesIO

import olefile  # type: ignore[import-untyped]

from assistant.errors import Unreadable
from assistant.knowledge.formats.decode import decode
from assistant.knowledge.formats.html import parse, to_markdown
from assistant.knowledge.formats.values import Converted, Raw
from assistant.knowledge.formats.write import one_line, record, tidy

HEADERS = ("Subject", "From", "To", "Cc", "Date")
OLD_OFFICE = {
    "WordDocument": "a Word 97-2003 document: save it as .docx",
    "Workbook": "an Excel 97-2003 workbook: save it as .xlsx",
    "Book": "an Excel 95 workbook: save it as .xlsx",
    "PowerPoint Document": "a PowerPoint 97-2003 presentation: save it as .pptx",
}
PROPERTIES = "__properties_version1.0"
HTML_BODY = "__substg1.0_10130102"
ATTACHMENT_NAMES = ("__substg1.0_3707001F", "__substg1.0_3704001F")


def kind_of_ole(data: bytes) -> str:
    """msg.

    Raises:
        Unreadable: an encrypted or an old Office document, or another compound file.
    """
    try:
        with olefile.OleFileIO(BytesIO(data)) as container:
            names = {entry[0] for entry in container.listdir()}
    except Exception as error:  # noqa: BLE001  olefile raises many kinds on damage
        raise Unreadable(f"is a broken Office compound file: {one_line(str(error))}") from None
    if "EncryptedPackage" in names:
        raise Unreadable("is encrypted: remove the password in Office and save it again")
    if PROPERTIES in names:
        return "msg"
    old = next((text for name, text in OLD_OFFICE.items() if name in names), "an Office compound file, not a document")
    raise Unreadable(f"looks like {old}")


def mail(raw: Raw) -> Converted:
    """Subject, from, to and date, then the body: plain text where there is some, else its HTML."""
    message = message_from_bytes(raw.data, policy=policy.default)
    body = message.get_body(("plain", "html"))
    text = _body(body) if body is not None else ""
    if not text and body is not None and (other := message.get_body(("html",))) is not None:
        text = _body(other)
    headers = [(name, str(message[name] or "")) for name in HEADERS]
    names = [part.get_filename() or part.get_content_type() for part in message.iter_attachments()]
    return _letter(headers, text, names)


def _body(part: MIMEPart) -> str:
    payload = part.get_payload(decode=True)
    text = decode(payload, part.get_content_charset()) if isinstance(payload, bytes) and payload else ""
    return to_markdown(parse(text)) if part.get_content_type() == "text/html" else text


def msg(raw: Raw) -> Converted:
    """An Outlook message in the same form."""
    from markitdown import StreamInfo
    from markitdown.converters import OutlookMsgConverter

    markdown = OutlookMsgConverter().convert(BytesIO(raw.data), StreamInfo(extension=".msg")).markdown
    head, _, text = markdown.partition("## Content")
    headers = dict(re.findall(r"^\*\*(\w+):\*\* (.*)$", head, re.MULTILINE))
    with olefile.OleFileIO(BytesIO(raw.data)) as container:
        if not text.strip() and container.exists(HTML_BODY):
            text = to_markdown(parse(decode(container.openstream(HTML_BODY).read())))
        names = _attachments(container)
    return _letter([(name, headers.get(name, "")) for name in HEADERS], text, names)


def _attachments(container: olefile.OleFileIO) -> list[str]:
    found: dict[str, str] = {}
    for folder, *rest in container.listdir():
        if folder.startswith("__attach_") and rest and rest[0] in ATTACHMENT_NAMES:
            name = container.openstream([folder, rest[0]]).read().decode("utf-16-le", "replace").strip("\0")
            if rest[0] == ATTACHMENT_NAMES[0] or folder not in found:
                found[folder] = name
    return [found[folder] for folder in sorted(found)]


def _letter(headers: list[tuple[str, str]], body: str, attachments: Iterable[str]) -> Converted:
    named = ", ".join(one_line(name) for name in attachments)
    parts = (record(headers), tidy(body), f"Attachments: {named}" if named else "")
    known = {name.lower(): one_line(value) for name, value in headers if value and name in ("From", "To", "Date")}
    return Converted(tidy("\n\n".join(filter(None, parts))), dict(headers)["Subject"], metadata=known)
