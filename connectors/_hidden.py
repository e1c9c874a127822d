"""Secrets kept out of the logs of libraries, which write down every URL they ask or are asked."""

from __future__ import annotations

import logging
from urllib.parse import quote


class Hidden(logging.Filter):
    """Shows an ellipsis in place of each secret it was told of."""

    LOGGERS = (
        *(
            f"{library}.{part}"
            for library in ("httpcore", "httpcore2")
            for part in ("connection", "http11", "http2", "proxy")
        ),
        "httpx",
        "httpx2",
        "telegram",
        "telegram.Bot",
        "telegram.request.BaseRequest",
        "telegram.request.HTTPXRequest",
        "uvicorn.access",
    )

    def __init__(self) -> None:
        super().__init__()
        self._secrets: set[str] = set()

    def hide(self, *secrets: str | None) -> None:
        """From now on these are shown as an ellipsis."""
        given = [secret for secret in secrets if secret]
        self._secrets.update(given, (quote(secret, safe="") for secret in given))  # as a URL has it
        for name in self.LOGGERS:
            logging.getLogger(name).addFilter(self)

    def clean(self, text: str) -> str:
        """The text without the secrets; longer ones first, of which a shorter one may be a part."""
        for secret in sorted(self._secrets, key=len, reverse=True):
            text = text.replace(secret, "…")
        return text

    def filter(self, record: logging.LogRecord) -> bool:
        """Every record passes, without the secrets."""
        text = record.getMessage()
        cleaned = self.clean(text)
        if cleaned != text and isinstance(record.args, tuple):  # uvicorn's own format wants them one by one
            record.args = tuple(self.clean(each) if isinstance(each, str) else each for each in record.args)
        if record.getMessage() != cleaned:
            record.msg, record.args = cleaned, ()
        return True


HIDDEN = Hidden()
"""The one of this process: loggers are of the process too."""
