"""Whether the hub gives a gated model to a token."""

from __future__ import annotations

import re

from assistant.errors import TransientError

HUB = "https://huggingface.co"
NAME = re.compile(r"[\w.-]+/[\w.-]+", re.ASCII)
TIMEOUT = 15.0


def token_fault(model: str, token: str, *, hub: str | None = None) -> str | None:
    """What is wrong with the token for `model`, a hub id; None where the hub gives its files.

    `config.json` is asked for, as every gated repository guards its files while its page is public.

    Raises:
        TransientError: the hub does not answer, or not so that it says something of the token.
    """
    import httpx2

    if not NAME.fullmatch(model):
        return None
    url = f"{(hub or HUB).rstrip('/')}/{model}/resolve/main/config.json"
    try:
        answer = httpx2.head(url, headers={"Authorization": f"Bearer {token}"}, timeout=TIMEOUT)
    except httpx2.HTTPError as error:
        raise TransientError(f"{hub or HUB} does not answer ({type(error).__name__})") from None
    match answer.status_code:
        case 401:
            return (
                f"the hub does not accept the token for {model}: it is wrong or expired; put a new one into the secret"
            )
        case 403:
            return f"the licence of {model} is not accepted by whom the token belongs to: open its page on the hub and accept"
        case 404:
            return f"the hub has no {model}, or hides it from this token: check the name"
        case code if code >= 400:
            raise TransientError(f"{hub or HUB} answers with status {code}")
    return None
