"""Whose token it is, and what `assistant doctor` finds out about a Page or an Instagram account: it looks, and changes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from assistant.connector import Finding
from assistant.errors import AssistantError, ConfigurationError, TransientError
from connectors._meta import Graph
from connectors._meta_errors import PermissionMissing
from connectors._meta_findings import permissions, unaccepted, unreached, untold
from connectors._meta_versions import finding
from connectors._meta_webhooks import rows


@dataclass(frozen=True, slots=True)
class Identity:
    """Whose messages are sent.

    Attributes:
        id: of the account, as webhooks have it.
        key: the option that it was given with.
        token_key: the option that the token was given with.
        node: what is asked who the token is of.
        field: the field of that which has the id.
        sender: the path that messages are posted to, without its last part: the Page, or `me`.
        uploads: the path that files are uploaded to; None: there is none.
        fields: of webhooks, and what goes without each; None: they are not of the account but of the app.
        needs: permissions that the token has to have.
        node_key: the option that `node` was given with, where it is not `key`.
    """

    id: str
    key: str
    token_key: str
    node: str
    field: str
    sender: str
    uploads: str | None
    fields: Mapping[str, str] | None
    needs: tuple[str, ...] = ()
    node_key: str | None = None

    @property
    def messages(self) -> str:
        """The path that messages are posted to."""
        return f"{self.sender}/messages"

    async def confirm(self, graph: Graph) -> str:
        """The account's name.

        Raises:
            ConfigurationError: the token is of another.
            Rejected, TransientError: as every call.
        """
        label = "username" if self.field == "user_id" else "name"
        told = await graph.get(self.node, fields=f"{self.field},{label}")
        found = told.get(self.field)
        found = found.get("id") if isinstance(found, Mapping) else found
        section = f"connectors.{graph.name}"
        if str(found) != self.id:
            other = f"of {str(found)!r}" if found else "of no such account"
            raise ConfigurationError(
                f"{section}.{self.token_key} is {other}, but {section}.{self.key} is {self.id!r}: set both from the same account"
            )
        return str(told.get(label, self.id))


async def checked(graph: Graph, identity: Identity, *, app_id: str | None, token: str) -> list[Finding]:
    """Everything there is to say of the connector; raises nothing."""
    found = [finding(graph.version, datetime.now(UTC).date()), await accepted(graph, identity)]
    if found[-1].status == "ok":
        login = identity.field == "user_id"  # with Instagram's own
        found.append(untold(identity.needs) if login else await permissions(graph, identity.needs, token=token))
        found += await _subscribed(graph, identity, app_id)
    if app_id is None:
        found.append(
            Finding("warn", f"connectors.{graph.name}.app_id is not set: what other applications do is told less surely",
                    "set it to the App ID of the app's dashboard")
        )  # fmt: skip
    return found


async def accepted(graph: Graph, identity: Identity) -> Finding:
    """Whether token and app secret are those of the account; raises nothing. "ok", or there is nothing more to ask."""
    try:
        who = await identity.confirm(graph)
    except ConfigurationError as error:
        return Finding("fail", str(error), "the guide of this surface shows where both are")
    except AssistantError as error:
        key = identity.node_key or identity.key
        return unaccepted(graph, error, credential=identity.token_key, key=key)
    return Finding("ok", f"the token and the app secret are accepted for {who} ({identity.id})")


async def _subscribed(graph: Graph, identity: Identity, app_id: str | None) -> list[Finding]:
    path = f"{identity.sender}/subscribed_apps"
    try:
        apps = rows(await graph.get(path), "data")
    except PermissionMissing as error:
        return [Finding("warn", f"which webhooks are subscribed is not known: {error}", "grant pages_manage_metadata")]
    except TransientError as error:
        return [unreached(error)]
    except AssistantError as error:
        return [
            Finding("warn", f"which webhooks are subscribed is not known: {error}", "see the guide of this surface")
        ]
    own = [app for app in apps if app_id is None or str(app.get("id")) == app_id]
    if not own:
        which = "no app is" if app_id is None else f"the app {app_id} is not"
        return [Finding("fail", f"{which} subscribed to the account, so nothing arrives", _post(path, identity.fields))]
    return _lacking(own, identity, path)


def _lacking(apps: list[dict[str, Any]], identity: Identity, path: str) -> list[Finding]:
    """What the subscriptions leave out."""
    if identity.fields is None:
        return [
            Finding("ok", "an app is subscribed to the Page; the fields of Instagram are those of the app's dashboard")
        ]
    told = [app.get("subscribed_fields") for app in apps]
    have = {str(name) for names in told if isinstance(names, list) for name in names}
    lack = {field: loss for field, loss in identity.fields.items() if field not in have}
    if not lack:
        return [Finding("ok", f"webhooks are subscribed: {', '.join(identity.fields)}")]
    losses = "; ".join(f"without {field} {loss}" for field, loss in lack.items())
    remedy = f"{_post(path, identity.fields)}, and those of other connectors with them"
    return [Finding("fail" if "messages" in lack else "warn", losses, remedy)]


def _post(path: str, fields: Mapping[str, str] | None) -> str:
    return f"POST /{path} with subscribed_fields={','.join(fields or ('messages',))}"
