"""What `assistant doctor` asks the messaging platforms: tokens, permissions, versions, webhooks; it changes nothing there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from assistant.connector import Checking, Connector, Finding, Opening
from assistant.doctor import Check
from assistant.errors import AssistantError

if TYPE_CHECKING:
    from assistant.settings import Settings

SECONDS = 20.0
"""How long one platform may take to answer everything."""

CLOSE_SECONDS = 5.0


def platforms(settings: Settings) -> Iterator[Check]:
    """What each connector finds out about itself, those that can; all are asked at the same time."""
    from assistant.server.platforms import platforms_of

    checking: list[Connector] = []
    for name, section in settings.connectors.items():
        alone = settings.model_copy(update={"connectors": {name: section}})
        try:
            connector = platforms_of(alone)[name]
        except AssistantError:  # told by the check of its keys
            continue
        if isinstance(connector, Checking):
            checking.append(connector)
    for connector, findings in zip(checking, asyncio.run(_asked(checking)), strict=True):
        for found in findings:
            detail = found.detail.removeprefix(f"{connector.name}: ")  # errors of connectors begin with the name
            yield Check("platforms", found.status, f"{connector.name}: {detail}", found.remedy)


async def _asked(connectors: Sequence[Connector]) -> list[Sequence[Finding]]:
    return list(await asyncio.gather(*(_findings(connector) for connector in connectors)))


async def _findings(connector: Connector) -> Sequence[Finding]:
    if not isinstance(connector, Checking):
        return []
    async with _closing(connector):
        try:
            async with asyncio.timeout(SECONDS):
                return await connector.check()
        except TimeoutError:
            detail = f"the platform did not answer within {SECONDS:.0f} s: nothing is known of token and webhook"
            return [Finding("warn", detail, "check the way to the network, or use --offline")]
        except Exception as error:  # noqa: BLE001 - a bug of a connector: its text may hold a secret
            return [
                Finding("warn", f"it could not be checked: {type(error).__name__}", "this is a bug of its connector")
            ]


@asynccontextmanager
async def _closing(connector: Connector) -> AsyncIterator[None]:
    try:
        yield
    finally:
        if isinstance(connector, Opening):
            try:
                async with asyncio.timeout(CLOSE_SECONDS):
                    await connector.aclose()
            except Exception:  # noqa: BLE001, S110 - it was used for a look only
                pass
