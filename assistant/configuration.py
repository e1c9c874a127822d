"""The text of a commented `assistant.toml`, made from the settings themselves so that it names every key there is."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from assistant.settings import PREFIX, Settings

HEAD = f"""\
# Configuration of the assistant. Keys that are commented out show their default.
# Every key can also be set as an environment variable: {PREFIX}<SECTION>__<KEY>, for example
# {PREFIX}ENGINE__MODEL or {PREFIX}SERVER__API_KEYS=key1,key2; the variable wins over this file.
"""

CONNECTORS = """\
# Messaging platforms, one table each; a connector is on when its table is present. Two bots on one platform are two
# tables with `class`; `class` also names a connector of your own: class = "package.module:Class".

# [connectors.telegram]
#   token = "…"         # from @BotFather
#   secret_token = "…"  # 1 to 256 letters, digits, - and _ of your choice; what proves a webhook
#   mode = "polling"    # or webhook, at server.public_url + /webhooks/telegram

# Meta's four (docs/whatsapp.md, messenger.md, instagram.md, facebook-page.md) need server.public_url; the callback URL at
# Meta is that + /webhooks/<name of the table>. app_secret is the app's, verify_token a long random word of yours.

# [connectors.whatsapp]           # its terms forbid general-purpose assistants: for your business's own matters only
#   access_token = "…"            # of a system user
#   phone_number_id = "…"         # from API Setup; not the number itself
#   business_account_id = "…"     # what `assistant doctor` asks for subscription and template
#   app_secret = "…"
#   verify_token = "…"
#   template = "…"                # approved; sent where an answer is ready only after WhatsApp's 24 hours
#   template_language = "en_US"

# [connectors.messenger]
#   page_access_token = "…"
#   page_id = "…"
#   app_secret = "…"
#   app_id = "…"                  # tells the app's own doings from those of others
#   verify_token = "…"

# [connectors.instagram]          # as here by the account's own login; login = "page" and page_id: by the Page's
#   access_token = "…"
#   account_id = "…"              # `user_id` of GET /me?fields=user_id
#   app_secret = "…"              # the Instagram app secret
#   app_id = "…"                  # the Instagram app ID
#   verify_token = "…"

# [connectors.facebook]           # comments below the posts of a Page
#   page_access_token = "…"
#   page_id = "…"
#   app_secret = "…"
#   verify_token = "…"
#   replies = ["private"]         # ["public"], or both
#   instagram_account_id = "…"    # answer comments on Instagram too
"""


def render(values: Mapping[str, str | int | bool]) -> str:
    """The whole file; `values` by dotted key (`engine.model`) are set, all other keys commented out with their default."""
    tables = {name: kind for name, field in Settings.model_fields.items() if (kind := _section(field))}
    plain = {name: field for name, field in Settings.model_fields.items() if name not in (*tables, "connectors")}
    parts = [HEAD, "\n".join(_entries(plain, "", values))]
    for name, section in tables.items():
        about = textwrap.dedent(section.__doc__ or "").strip()
        entries = "\n".join(_entries(section.model_fields, f"{name}.", values))
        parts.append(f"[{name}]  # {about}\n{entries}")
    return "\n".join([*parts, CONNECTORS])


def _section(field: FieldInfo) -> type[BaseModel] | None:
    kind = field.annotation
    return kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None


def _entries(fields: Mapping[str, FieldInfo], prefix: str, values: Mapping[str, str | int | bool]) -> Iterator[str]:
    for name, field in fields.items():
        key = prefix + name
        yield from textwrap.wrap(field.description or name, 110, initial_indent="# ", subsequent_indent="# ")
        if key in values:
            yield f"{name} = {_literal(values[key])}\n"
        else:
            yield f"# {name} = {_default(field)}\n"


def _default(field: FieldInfo) -> str:
    value = field.get_default(call_default_factory=True, validated_data={})
    return '""' if value is None else _literal(value)


def _literal(value: Any) -> str:
    """`value` in TOML, whose strings, lists and numbers are written as JSON's."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_literal(item)}" for key, item in value.items()) + " }" if value else "{}"
    return json.dumps(value, default=str, ensure_ascii=False)
