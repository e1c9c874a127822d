from __future__ import annotations

from pathlib import Path

import pytest

from assistant.errors import ConfigurationError
from assistant.settings import Settings

SECRET = "sk-never-shown-0123456789"


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No variable of ours is set, and the working directory holds no configuration."""
    import os

    for name in [name for name in os.environ if name.startswith("ASSISTANT_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def toml(text: str, *, name: str = "assistant.toml") -> Path:
    path = Path(name)
    path.write_text(text, encoding="utf-8")
    return path


def refusal(path: Path | None = None) -> str:
    with pytest.raises(ConfigurationError) as caught:
        Settings.load(path)
    return str(caught.value)


def test_without_a_file_the_defaults_hold() -> None:
    settings = Settings.load()
    assert ("vllm", 8000, Path("data")) == (settings.engine.kind, settings.server.port, settings.data_dir)


def test_assistant_toml_of_the_working_directory_is_read() -> None:
    toml('[engine]\nmodel = "here"\n')
    assert "here" == Settings.load().engine.model


def test_assistant_config_names_another_file(monkeypatch: pytest.MonkeyPatch) -> None:
    toml('[engine]\nmodel = "here"\n')
    monkeypatch.setenv("ASSISTANT_CONFIG", str(toml('[engine]\nmodel = "named"\n', name="other.toml")))
    assert "named" == Settings.load().engine.model


def test_an_empty_assistant_config_names_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSISTANT_CONFIG", "")
    assert "vllm" == Settings.load().engine.kind


def test_a_path_given_wins_over_assistant_config(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSISTANT_CONFIG", "missing.toml")
    assert "given" == Settings.load(toml('[engine]\nmodel = "given"\n', name="given.toml")).engine.model


def test_the_environment_wins_over_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    toml('[engine]\nmodel = "file"\nkind = "openai"\n')
    monkeypatch.setenv("ASSISTANT_ENGINE__MODEL", "variable")
    engine = Settings.load().engine
    assert ("variable", "openai") == (engine.model, engine.kind)


def test_what_the_caller_overrides_wins_over_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSISTANT_ENGINE__MODEL", "variable")
    assert "given" == Settings.load(engine={"model": "given"}).engine.model


def test_every_type_can_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSISTANT_DATA_DIR", "~/elsewhere")
    monkeypatch.setenv("ASSISTANT_SERVER__PORT", "9001")
    monkeypatch.setenv("ASSISTANT_CHAT__TEMPERATURE", "0.5")
    monkeypatch.setenv("ASSISTANT_KNOWLEDGE__ALLOW_PRIVATE_URLS", "true")
    settings = Settings.load()
    assert Path("~/elsewhere").expanduser() == settings.data_dir
    assert (9001, 0.5, True) == (settings.server.port, settings.chat.temperature, settings.knowledge.allow_private_urls)


@pytest.mark.parametrize("text", ["one,two", " one , two ,", '["one", "two"]'])
def test_a_list_can_be_comma_separated_or_json(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("ASSISTANT_SERVER__API_KEYS", text)
    monkeypatch.setenv("ASSISTANT_SERVER__CORS_ORIGINS", text)
    server = Settings.load().server
    assert ["one", "two"] == [key.get_secret_value() for key in server.api_keys]
    assert ["one", "two"] == server.cors_origins


def test_an_empty_list_variable_is_an_empty_list(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSISTANT_SERVER__API_KEYS", "")
    assert [] == Settings.load().server.api_keys


def test_an_empty_variable_unsets_a_key_that_may_be_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    toml('[engine]\napi_key = "from-file"\n')
    monkeypatch.setenv("ASSISTANT_ENGINE__API_KEY", "")
    monkeypatch.setenv("ASSISTANT_ENGINE__MAX_MODEL_LEN", "")
    engine = Settings.load().engine
    assert (None, None) == (engine.api_key, engine.max_model_len)


def test_an_empty_folder_is_the_default_and_not_the_current_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSISTANT_DATA_DIR", "")
    assert Path("data") == Settings.load().data_dir


def test_a_table_can_be_json_with_single_keys_beside_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSISTANT_SERVER", '{"host": "::1", "port": 1}')
    monkeypatch.setenv("ASSISTANT_SERVER__PORT", "2")
    assert ("::1", 2) == (Settings.load().server.host, Settings.load().server.port)


def test_a_table_set_to_a_value_beside_a_key_of_it_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSISTANT_SERVER", "5")
    monkeypatch.setenv("ASSISTANT_SERVER__PORT", "2")
    assert "ASSISTANT_SERVER is not a table, but ASSISTANT_SERVER__PORT" in refusal()


def test_a_table_set_to_a_value_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSISTANT_SERVER", "5")
    assert refusal().startswith("server: ")


def test_engine_options_from_the_environment_keep_their_types(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSISTANT_ENGINE__OPTIONS__ENFORCE_EAGER", "true")
    monkeypatch.setenv("ASSISTANT_ENGINE__OPTIONS__BLOCK_SIZE", "32")
    monkeypatch.setenv("ASSISTANT_ENGINE__OPTIONS__QUANTIZATION", "awq")
    assert {"enforce_eager": True, "block_size": 32, "quantization": "awq"} == Settings.load().engine.options


def test_numbers_of_a_connector_stay_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSISTANT_CONNECTORS__WHATSAPP__PHONE_NUMBER_ID", "0012345")
    assert {"whatsapp": {"phone_number_id": "0012345"}} == Settings.load().connectors


def test_a_connector_may_have_any_key() -> None:
    toml('[connectors.telegram]\ntoken = "t"\nanything = [1, 2]\n')
    assert {"telegram": {"token": "t", "anything": [1, 2]}} == Settings.load().connectors


@pytest.mark.parametrize(
    ("text", "key", "nearest"),
    [
        ("[sever]\nport = 1\n", "sever", "server"),
        ("[server]\nprot = 1\n", "server.prot", "server.port"),
        ('[engine]\nmodle = "m"\n', "engine.modle", "engine.model"),
        ("port = 1\n", "port", "server.port"),
        ("[chat]\nchunk_tokens = 100\n", "chat.chunk_tokens", "knowledge.chunk_tokens"),
    ],
)
def test_an_unknown_key_is_named_with_its_nearest_neighbour(text: str, key: str, nearest: str) -> None:
    assert f"{key}: no such key in assistant.toml; did you mean {nearest!r}?" == refusal(toml(text))


def test_an_unknown_variable_is_named_as_it_was_set(monkeypatch: pytest.MonkeyPatch) -> None:
    toml("")
    monkeypatch.setenv("ASSISTANT_SERVER__PROT", "1")
    assert "server.prot: no such key in ASSISTANT_SERVER__PROT; did you mean 'server.port'?" == refusal()


def test_a_wrong_value_is_named_with_the_place_it_was_set_at(monkeypatch: pytest.MonkeyPatch) -> None:
    toml("[server]\nport = 70000\n")
    assert refusal().startswith("server.port: ")
    assert "assistant.toml" in refusal()
    monkeypatch.setenv("ASSISTANT_SERVER__PORT", "many")
    assert "ASSISTANT_SERVER__PORT" in refusal()


def test_every_mistake_is_reported_at_once() -> None:
    lines = refusal(toml('[server]\nport = 70000\n[chat]\ngrounding = "maybe"\n')).splitlines()
    assert ["chat.grounding", "server.port"] == [line.partition(":")[0] for line in lines]


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"[server\n", "not valid TOML"), (b"\xff\xfe", "cannot be read"), (None, "does not exist")],
)
def test_a_file_that_cannot_be_used_is_named(content: bytes | None, said: str) -> None:
    path = Path("wrong.toml")
    if content is not None:
        path.write_bytes(content)
    assert "'wrong.toml'" in refusal(path)
    assert said in refusal(path)


def test_a_folder_in_place_of_the_file_is_refused(tmp_path: Path) -> None:
    assert "cannot be read" in refusal(tmp_path)


def test_a_byte_order_mark_is_read_over() -> None:
    assert "m" == Settings.load(toml('\ufeff[engine]\nmodel = "m"\n')).engine.model


def test_the_state_database_is_under_the_data_folder_unless_set() -> None:
    assert f"sqlite:///{Path('d/state.db').absolute()}" == Settings.load(data_dir="d").state_url
    url = Settings.load(state={"url": "postgresql://user@host/name"}).state_url
    assert "postgresql+psycopg://user@host/name" == url
    assert "postgresql+psycopg2://h/n" == Settings.load(state={"url": "postgresql+psycopg2://h/n"}).state_url


def test_a_state_url_of_another_database_is_refused() -> None:
    assert refusal(toml('[state]\nurl = "mysql://user@host/name"\n')).startswith("state.url: ")


def test_no_secret_is_in_a_representation() -> None:
    settings = Settings.load(
        engine={"api_key": SECRET, "options": {"api_key": SECRET}},
        server={"api_keys": [SECRET]},
        state={"url": f"postgresql://user:{SECRET}@host/name"},
        connectors={"telegram": {"token": SECRET}},
    )
    assert SECRET not in f"{settings!r} {settings} {settings.engine!r} {settings.server!r} {settings.state!r}"


@pytest.mark.parametrize(
    "text",
    [
        f'[engine]\napi_key = ["{SECRET}"]\n',
        f'[server]\napi_keys = [["{SECRET}"]]\n',
        f'[server]\napi_keys = {{a = "{SECRET}"}}\n',
        f'[state]\nurl = "mysql://user:{SECRET}@host"\n',
        f'[connectors]\ntelegram = "{SECRET}"\n',
        f'[engine]\nport = "{SECRET}"\n',
        f'[engine]\napi_key = "{SECRET}\n',
    ],
)
def test_no_secret_is_in_an_error(text: str) -> None:
    assert SECRET not in refusal(toml(text))


def test_settings_do_not_change_after_loading() -> None:
    settings = Settings.load()
    with pytest.raises(ValueError, match="frozen"):
        settings.engine.model = "other"


def test_a_bot_reads_documents_and_asks_for_feedback_unless_told_otherwise() -> None:
    bot = Settings.load().bot
    assert (True, True, "button", 10, None, []) == (
        bot.documents,
        bot.feedback,
        bot.sources,
        bot.max_file_mib,
        bot.human,
        bot.access,
    )


def test_labels_of_everyone_on_the_platforms_are_a_list(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSISTANT_BOT__ACCESS", "tenant:acme, customers")
    assert ["customers", "tenant:acme"] == Settings.load().bot.access


def test_a_label_that_no_document_can_have_is_named() -> None:
    assert "bot.access: access label ' ' is blank" in refusal(toml('[bot]\naccess = [" "]\n'))


@pytest.mark.parametrize("line", ["max_file_mib = 0", "max_documents = 0", 'sources = "links"'])
def test_a_wrong_value_for_the_bot_is_named(line: str) -> None:
    assert refusal(toml(f"[bot]\n{line}\n")).startswith(f"bot.{line.split()[0]}: ")
