"""What `assistant doctor` says of the token of any of Meta's surfaces, and of calls that failed while it looked."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import Any

from assistant.connector import Finding
from assistant.errors import AssistantError, RateLimited, Rejected, TransientError
from connectors._meta import Graph
from connectors._meta_errors import PROOF, TokenRefused, code_of

OFFLINE = "check the network, or use --offline"
LATER = "wait some minutes, or use --offline"

ABSENT = frozenset({(100, 33), (33, None), (803, None)})
"""Codes and subcodes of an id that there is not, or that the token does not reach: see `KNOWN`; of 803 Meta says "Some of the
aliases you requested do not exist"."""

WHERE_PERMISSIONS = "see in the access token debugger at developers.facebook.com whether it has"


async def tried(look: Awaitable[Finding], remedy: str, *, wrong: str | None = None) -> Finding:
    """What a look found, or that it failed; `remedy` where Meta refused, `wrong` where it knows no such id."""
    try:
        return await look
    except TransientError as error:
        return unreached(error)
    except AssistantError as error:
        return Finding("fail", str(error), wrong if wrong and code_of(error) in ABSENT else remedy)


def unreached(error: TransientError) -> Finding:
    """Nothing is known: the network is away, or Meta is busy or has a fault."""
    answered = isinstance(error, RateLimited) or code_of(error) != (None, None)
    return Finding("warn", str(error), LATER if answered else OFFLINE)


def unaccepted(graph: Graph, error: AssistantError, *, credential: str, key: str) -> Finding:
    """Why the first call failed, and which of the app secret, the token in `credential` and the id in `key` is to blame."""
    section = f"connectors.{graph.name}"
    if isinstance(error, TransientError):
        return unreached(error)
    if PROOF in str(error):
        remedy = f"set {section}.app_secret to the secret of the app that the token is of (App settings, Basic)"
        return Finding("fail", f"the app secret is of another app than the token: {error}", remedy)
    if isinstance(error, TokenRefused):
        return Finding("fail", str(error), f"make a new token, and set {section}.{credential}")
    if code_of(error) in ABSENT:
        remedy = f"check {section}.{key}: Meta has no such id, or the token in {section}.{credential} does not reach it"
        return Finding("fail", str(error), remedy)
    return Finding("fail", str(error), f"check {section}.{credential} and {section}.{key}")


async def permissions(graph: Graph, wanted: Sequence[str], *, token: str) -> Finding:
    """Whether the token has them; raises nothing. The logs show no token: `HIDDEN` takes it out of every URL.

    Meta tells them to the app and to its developers; a token of somebody else may not ask, which is a warning.
    developers.facebook.com/docs/graph-api/reference/debug_token, page of v23.0.
    """
    names = ", ".join(wanted)
    return await tried(_granted(graph, wanted, token), f"{WHERE_PERMISSIONS} {names}")


def untold(wanted: Sequence[str]) -> Finding:
    """Of a token of Instagram Login, whose host has no call for that."""
    return Finding(
        "warn", "which permissions the token has cannot be looked up with Instagram Login",
        f"see in the app's dashboard, Instagram, API setup, whether it was made with {', '.join(wanted)}",
    )  # fmt: skip


async def _granted(graph: Graph, wanted: Sequence[str], token: str) -> Finding:
    names, scopes, why = ", ".join(wanted), None, ""
    try:
        data: Any = (await graph.get("debug_token", input_token=token)).get("data")
        scopes = data.get("scopes") if isinstance(data, dict) else None
    except Rejected as error:
        why = f": {error}"
    if not isinstance(scopes, list):
        detail = f"Meta does not say which permissions the token has{why}"
        return Finding("warn", detail, f"{WHERE_PERMISSIONS} {names}")
    missing = [each for each in wanted if each not in scopes]
    if missing:
        return Finding("fail", f"the token lacks {', '.join(missing)}", "grant them to the app, and make a new token")
    return Finding("ok", f"the token has {names}")
