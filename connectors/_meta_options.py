"""Options that the four connectors of Meta share, checked before anything else is done."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from urllib.parse import urlsplit

from assistant.errors import ConfigurationError
from connectors._meta_versions import NEWEST, finding, is_version

FACEBOOK = "https://graph.facebook.com"
INSTAGRAM = "https://graph.instagram.com"
"""Where the Graph API is; the second for accounts with Instagram Login."""

IDENTIFIER = re.compile(r"[0-9]{1,32}")
SECRET = re.compile(r"[\x21-\x7e]{1,1024}")
"""What can be sent in a header: printable ASCII without spaces."""


def require(condition: bool, message: str) -> None:
    """Raises ConfigurationError with the message where the condition does not hold."""
    if not condition:
        raise ConfigurationError(message)


def identifier(value: str | int, *, name: str, key: str, where: str) -> str:
    """An id that Meta gave, in digits; `where` is where to find it.

    Raises:
        ConfigurationError: it is something else, such as a telephone number or a user name.
    """
    text = str(value).strip()
    wrong = f"connectors.{name}.{key} is {value!r}, and an id of Meta is digits only: {where}"
    require(not isinstance(value, bool) and IDENTIFIER.fullmatch(text) is not None, wrong)
    return text


def secret(value: str | None, *, name: str, key: str, purpose: str, where: str) -> str:
    """A token or a secret; `purpose` says what does not go without it, `where` how to come by it.

    Raises:
        ConfigurationError: it is missing, or has characters that no secret of Meta has; the message does not show it.
    """
    require(bool(value and value.strip()), f"connectors.{name}.{key} is not set, and without it {purpose}: {where}")
    text = str(value).strip()
    wrong = f"connectors.{name}.{key} has a space, or a character outside ASCII, or more than 1024 of them: {where}"
    require(SECRET.fullmatch(text) is not None, wrong)
    return text


def access_token(value: str | None, *, name: str, key: str = "token") -> str:
    """The token that calls are made with. Raises ConfigurationError."""
    where = "make a token that does not expire, of a system user or of the Page, as the guide of this surface shows"
    return secret(value, name=name, key=key, purpose="nothing can be sent", where=where)


def application_secret(value: str | None, *, name: str, key: str = "app_secret") -> str:
    """The secret that webhooks are signed with. Raises ConfigurationError."""
    where = "copy it from the app's dashboard at developers.facebook.com, App settings, Basic"
    return secret(value, name=name, key=key, purpose="no webhook can be believed", where=where)


def verification_token(value: str | None, *, name: str, key: str = "verify_token") -> str:
    """The word that Meta shows when it asks for the webhook's URL. Raises ConfigurationError."""
    where = "choose a long random word, and enter the same beside the callback URL in the app's dashboard"
    return secret(value, name=name, key=key, purpose="Meta does not accept the webhook's URL", where=where)


def api_base(url: str, *, name: str, key: str = "api_base_url") -> str:
    """The URL before the version, without a slash at its end.

    Raises:
        ConfigurationError: no http or https URL, or one with a password, a query or the version in it.
    """
    section = f"connectors.{name}.{key}"
    try:
        parts = urlsplit(url)
        plain = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a bracket or a port that is none
        plain = False
    require(plain, f"{section} must be an http or https URL such as {FACEBOOK!r}")
    require(parts.password is None and not parts.query and not parts.fragment,
            f"{section} must be without password, query and fragment")  # fmt: skip
    last = parts.path.rstrip("/").rpartition("/")[2]
    require(not is_version(last), f"{section} ends with {last!r}: that belongs into connectors.{name}.graph_version")
    return url.rstrip("/")


def api_version(version: str | None, *, name: str, key: str = "version", today: date | None = None) -> str:
    """The version to call; None: the newest known.

    Raises:
        ConfigurationError: it is not written as versions are, or it has ended.
    """
    if version is None:
        return NEWEST
    section = f"connectors.{name}.{key}"
    require(is_version(version), f"{section} is {version!r}, and a version is written as {NEWEST!r}")
    found = finding(version, today or datetime.now(UTC).date())
    require(found.status != "fail", f"{section}: {found.detail}; {found.remedy}")
    return version


SAID = {word: True for word in ("true", "yes", "on", "1")} | {
    word: False for word in ("false", "no", "off", "0", "null", "none")
}
"""How yes and no are written where everything is text, as in the environment."""


def disclosed(given: str | bool | None) -> str | None:
    """What people are told of the machine before its first answer, of the option `disclosure`; "": the bot's own sentence,
    None: nothing."""
    said = SAID.get(given.strip().lower(), given.strip()) if isinstance(given, str) else given
    return said if isinstance(said, str) else "" if said else None
