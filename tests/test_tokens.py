from __future__ import annotations

import pytest
from langchain_core.language_models import BaseChatModel, GenericFakeChatModel

from assistant.testing.echo import EchoChat
from assistant.tokens import CONTEXT, Reader, counter, estimate


def fake(**profile: int) -> BaseChatModel:
    model = GenericFakeChatModel(messages=iter([]))
    model.profile = profile or None  # type: ignore[assignment]
    return model


def test_a_model_with_a_tokenizer_of_its_own_counts_itself() -> None:
    model = EchoChat()

    assert model.get_num_tokens == counter(model)


def test_a_model_given_a_tokenizer_counts_with_it() -> None:
    model = GenericFakeChatModel(messages=iter([]), custom_get_token_ids=lambda text: [0] * 7)

    assert 7 == counter(model)("any text")


def test_a_model_whose_count_would_download_a_tokenizer_is_estimated() -> None:
    assert estimate is counter(fake())


def test_openai_models_are_estimated_because_their_count_downloads_a_vocabulary() -> None:
    from langchain_openai import ChatOpenAI

    assert estimate is counter(ChatOpenAI(model="m", api_key="none"))  # type: ignore[arg-type]


def test_a_model_that_does_not_tell_its_context_is_taken_to_read_4096_tokens() -> None:
    assert CONTEXT == Reader.of(fake()).context


def test_the_context_set_in_the_settings_stands_in_for_an_untold_one() -> None:
    assert (1000, 2000) == (
        Reader.of(fake(), context=1000).context,
        Reader.of(fake(max_input_tokens=2000), context=1000).context,
    )


@pytest.mark.parametrize(("parameters", "small"), [(135_000_000, True), (1_499_999_999, True), (8_000_000_000, False)])
def test_a_model_is_small_below_one_and_a_half_billion_parameters(parameters: int, small: bool) -> None:
    assert small is Reader.of(fake(parameters=parameters)).small


def test_a_model_that_does_not_tell_its_size_is_not_taken_for_small() -> None:
    assert not Reader.of(fake()).small
