from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import pytest
from pydantic import SecretStr

from assistant.connector import Capabilities
from assistant.errors import ConfigurationError
from assistant.registry import check_connectors, open_connectors
from assistant.settings import Settings
from assistant.types import Incoming, Outgoing, Receipt, Webhook

HERE = "test_registry"
SECRET = "0123-hunter2-4567"


class Pigeon:
    """A connector whose messages are fetched by hand."""

    capabilities = Capabilities()

    def __init__(
        self,
        *,
        token: str,
        name: str = "pigeon",
        mode: Literal["air", "road"] = "air",
        speed: float = 1.0,
        loud: bool = False,
        languages: Sequence[str] = (),
        secret_token: SecretStr | None = None,
        base_url: str | None = None,
    ) -> None:
        self.name = name
        self.given = (token, mode, speed, loud, languages, secret_token, base_url)

    def verify(self, webhook: Webhook) -> None:
        return

    def parse(self, webhook: Webhook) -> Sequence[Incoming]:
        return ()

    async def send(self, outgoing: Outgoing) -> Receipt:
        return Receipt(("1",))


class Owl(Pigeon):
    """Takes any key, and calls itself what it likes."""

    def __init__(self, **options: Any) -> None:
        self.name = options.pop("called", "owl")
        self.given = (options,)  # type: ignore[assignment]


class Broken(Pigeon):
    def __init__(self, token: str) -> None:
        raise ValueError(f"the token {token} is not one of ours")


class Choosy(Pigeon):
    def __init__(self, token: str) -> None:
        raise ConfigurationError(f"token {token!r} has no colon")


class Picky(Pigeon):
    def __init__(self, size: str) -> None:
        raise ConfigurationError(f"connectors.post.size is {size!r}: it is at most 8")


class Wrapped(Pigeon):
    def __init__(self, pin: SecretStr | None) -> None:
        raise ValueError(f"{pin and pin.get_secret_value()} is too short")


class Mute:
    capabilities = Capabilities()


class Vague(Pigeon):
    capabilities = None  # type: ignore[assignment]


def settings(**sections: dict[str, Any]) -> Settings:
    return Settings.model_validate({"connectors": sections})


def refusal(**sections: dict[str, Any]) -> str:
    """Why the sections cannot be opened; the secret is not in it."""
    with pytest.raises(ConfigurationError) as refused:
        open_connectors(settings(**sections))
    assert SECRET not in str(refused.value)
    assert refused.value.__cause__ is None or SECRET not in str(refused.value.__cause__)
    return str(refused.value)


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A distribution whose entry point `pigeon` is the class of this module."""
    information = tmp_path / "pigeon-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: pigeon\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text(
        f"[assistant.connectors]\npigeon = {HERE}:Pigeon\nlost = no_such_package:Lost\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    return information


def test_without_sections_there_are_no_connectors() -> None:
    assert {} == open_connectors(settings())


@pytest.mark.usefixtures("installed")
def test_a_section_is_of_the_installed_connector_of_its_name() -> None:
    (pigeon,) = open_connectors(settings(pigeon={"token": SECRET})).values()
    assert (Pigeon, "pigeon") == (type(pigeon), pigeon.name)


def test_a_class_need_not_be_installed() -> None:
    opened = open_connectors(settings(post={"class": f"{HERE}:Pigeon", "token": SECRET}))
    assert ["post"] == [connector.name for connector in opened.values()]


@pytest.mark.usefixtures("installed")
def test_a_connector_has_as_many_sections_as_one_likes() -> None:
    opened = open_connectors(
        settings(
            pigeon={"token": "a"},
            sales={"class": "pigeon", "token": "b"},
            help={"class": f"{HERE}:Pigeon", "token": "c"},
        )
    )
    found = {name: (connector.name, connector.given[0]) for name, connector in opened.items()}  # type: ignore[attr-defined]
    assert {"pigeon": ("pigeon", "a"), "sales": ("sales", "b"), "help": ("help", "c")} == found


def test_texts_of_the_environment_become_what_the_constructor_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    for key, value in {
        "CLASS": f"{HERE}:Pigeon", "TOKEN": "123", "MODE": "road", "SPEED": "2.5", "LOUD": "true",
        "LANGUAGES": "en, zh", "SECRET_TOKEN": "abc", "BASE_URL": "",
    }.items():  # fmt: skip
        monkeypatch.setenv(f"ASSISTANT_CONNECTORS__POST__{key}", value)
    (post,) = open_connectors(Settings.load()).values()
    assert ("123", "road", 2.5, True, ["en", "zh"], SecretStr("abc"), None) == post.given  # type: ignore[attr-defined]


def test_a_number_is_a_text_where_a_text_is_wanted() -> None:
    (post,) = open_connectors(settings(post={"class": f"{HERE}:Pigeon", "token": 12345678901234567890})).values()
    assert "12345678901234567890" == post.given[0]  # type: ignore[attr-defined]


def test_a_secret_may_come_wrapped() -> None:
    section = {"class": f"{HERE}:Pigeon", "token": SecretStr("a"), "secret_token": SecretStr("b")}
    (post,) = open_connectors(settings(post=section)).values()
    assert ("a", SecretStr("b")) == (post.given[0], post.given[5])  # type: ignore[attr-defined]


def test_a_constructor_that_takes_any_key_gets_it() -> None:
    (owl,) = open_connectors(settings(owl={"class": f"{HERE}:Owl", "feathers": "5"})).values()
    assert ({"feathers": "5"},) == owl.given  # type: ignore[attr-defined]


def test_an_unknown_key_is_named_with_its_nearest() -> None:
    assert "connectors.post.tokem: no such key; did you mean 'connectors.post.token'?" in refusal(
        post={"class": f"{HERE}:Pigeon", "tokem": SECRET, "token": SECRET}
    )


def test_the_name_is_the_sections_and_no_key() -> None:
    assert "connectors.post.name: no such key" in refusal(post={"class": f"{HERE}:Pigeon", "token": "a", "name": "b"})


@pytest.mark.parametrize("section", [{}, {"token": ""}])
def test_a_missing_key_is_named_with_its_variable(section: dict[str, str]) -> None:
    told = refusal(post={"class": f"{HERE}:Pigeon", **section})
    assert "connectors.post.token is not set" in told
    assert "ASSISTANT_CONNECTORS__POST__TOKEN" in told


@pytest.mark.parametrize(("key", "value"), [("speed", "fast"), ("mode", "sea"), ("loud", SECRET), ("token", [SECRET])])
def test_a_wrong_value_is_named_and_not_shown(key: str, value: Any) -> None:
    assert f"connectors.post.{key}" in refusal(post={"class": f"{HERE}:Pigeon", "token": SECRET, key: value})


def test_all_that_is_wrong_is_told_at_once() -> None:
    told = refusal(one={"class": f"{HERE}:Pigeon", "speed": "x", "wings": 2}, two={"class": "nowhere:Nothing"})
    lines = [line.split(": ")[0].split(" is not set")[0] for line in told.splitlines()]
    assert ["connectors.one.token", "connectors.one.speed", "connectors.one.wings"] == sorted(
        lines[:3], key=["connectors.one.token", "connectors.one.speed", "connectors.one.wings"].index
    )
    assert lines[3].startswith("connectors.two.class")


@pytest.mark.usefixtures("installed")
def test_a_connector_that_is_not_installed_is_named_with_its_nearest() -> None:
    told = refusal(pigeom={"token": SECRET})
    assert "connectors.pigeom: no such connector is installed" in told
    assert "'pigeon'" in told


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize("section", [{"lost": {}}, {"post": {"class": "no_such_package:Lost"}}])
def test_a_class_that_cannot_be_imported_is_named(section: dict[str, Any]) -> None:
    assert "'no_such_package:Lost' cannot be imported" in refusal(**section)


def test_a_class_that_is_no_connector_says_what_it_lacks() -> None:
    assert "no verify, no parse, no send" in refusal(post={"class": f"{HERE}:Mute"})
    assert "is no connector" in refusal(post={"class": f"{HERE}:settings"})
    assert "capabilities" in refusal(post={"class": f"{HERE}:Vague", "token": SECRET})


def test_a_connector_goes_by_the_name_of_its_section() -> None:
    assert "calls itself 'owl': let its constructor take `name`" in refusal(post={"class": f"{HERE}:Owl"})


@pytest.mark.parametrize("kind", ["Broken", "Choosy"])
def test_what_a_constructor_raises_is_told_without_the_secret(kind: str) -> None:
    told = refusal(post={"class": f"{HERE}:{kind}", "token": SECRET})
    assert f"connectors.post: {HERE}:{kind} cannot be made" in told


def test_an_error_that_names_its_key_is_told_as_it_is() -> None:
    told = refusal(post={"class": f"{HERE}:Picky", "size": "9"})
    assert "connectors.post.size is '9': it is at most 8" == told


def test_a_key_is_a_secret_if_the_constructor_says_so() -> None:
    assert "ValueError: … is too short" in refusal(post={"class": f"{HERE}:Wrapped", "pin": SECRET})


def test_the_shipped_fake_can_be_configured() -> None:
    section = {"class": "assistant.testing.memory_connector:MemoryConnector", "secret": SECRET, "text_limit": "40"}
    (memory,) = open_connectors(settings(post=section)).values()
    assert ("post", 40) == (memory.name, memory.capabilities.text_limit)


@pytest.mark.parametrize("name", ["a/b", "Post", "a:b", "", "a b"])
def test_a_name_that_is_no_part_of_a_url_is_refused(name: str) -> None:
    assert "a section's name" in refusal(**{name: {"class": f"{HERE}:Pigeon", "token": SECRET}})


def test_the_name_of_the_chat_page_is_taken() -> None:
    assert "'web'" in refusal(web={"class": f"{HERE}:Pigeon", "token": SECRET})


@pytest.mark.usefixtures("installed")
def test_two_installed_connectors_of_one_name_are_told_apart_by_their_class(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "more" / "other-1.0.dist-info"
    other.mkdir(parents=True)
    (other / "METADATA").write_text("Metadata-Version: 2.1\nName: other\nVersion: 1.0\n")
    (other / "entry_points.txt").write_text(f"[assistant.connectors]\npigeon = {HERE}:Owl\n")
    monkeypatch.syspath_prepend(other.parent)
    told = refusal(pigeon={"token": SECRET})
    assert f"'{HERE}:Owl' and '{HERE}:Pigeon'" in told


def test_checking_makes_nothing() -> None:
    check_connectors(settings(post={"class": f"{HERE}:Broken", "token": SECRET}))
    with pytest.raises(ConfigurationError, match=r"connectors\.post\.token"):
        check_connectors(settings(post={"class": f"{HERE}:Broken"}))
