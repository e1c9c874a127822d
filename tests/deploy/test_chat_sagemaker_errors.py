"""Every way a call can fail is an error that says what happened, where, and what to do, and shows no credential."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import botocore.exceptions as boto  # type: ignore[import-untyped, unused-ignore]
import pytest
import urllib3.exceptions as http
from sagemaker_container import Container, spoken
from sagemaker_door import Refusal
from sagemaker_site import SECRET, TOKEN, Site, set_credentials

from assistant.errors import (
    AssistantError,
    ConfigurationError,
    EngineUnavailable,
    PromptTooLong,
    RateLimited,
    Rejected,
)
from deploy import ChatSageMaker
from deploy.faults import CODES, EXPECTED, HERE, SAME, explain
from deploy.invoking import Target

NO_CAPACITY = "Inference Component has no capacity to process this request. ApplicationAutoScaling may be in-progress"
TOO_LONG = (
    "This model's maximum context length is 4096 tokens. However, you requested 512 output tokens and your prompt "
    "contains at least 3585 input tokens, for a total of at least 4097 tokens."
)


@pytest.fixture(scope="module")
def opened() -> Iterator[Site]:
    with Site().opened() as site:
        yield site


@pytest.fixture
def site(opened: Site, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Site:
    set_credentials(monkeypatch, tmp_path)
    monkeypatch.setenv("AWS_ENDPOINT_URL_SAGEMAKER", opened.url)
    return opened.reset(Container(parts=spoken(["yes"])))


def complaint(message: str, code: int = 400) -> str:
    return json.dumps({"error": {"message": message, "type": "BadRequestError", "param": None, "code": code}})


@pytest.mark.parametrize(
    ("refusal", "kind", "words"),
    [
        (Refusal("ThrottlingException", "Rate exceeded"), RateLimited, "called too often: add instances"),
        (Refusal("ServiceUnavailable", "busy", 503), EngineUnavailable, "not available: try again"),
        (Refusal("InternalFailure", "", 500), EngineUnavailable, "failed inside SageMaker: try again"),
        (Refusal("InternalDependencyException", "", 530), EngineUnavailable, "ask AWS support"),
        (Refusal("ModelNotReadyException", "", 429), EngineUnavailable, "still loading the model"),
        (Refusal("ValidationError", NO_CAPACITY), EngineUnavailable, r"scaled to zero .*wake_seconds \(NoCapacity\)"),
        (Refusal("ValidationError", "variant is malformed"), Rejected, "as invalid: variant is malformed"),
        (
            Refusal("AccessDeniedException", "User: x is not authorized to perform: sagemaker:InvokeEndpoint", 403),
            ConfigurationError,
            "allow sagemaker:InvokeEndpoint.*User: x is not authorized",
        ),
        (Refusal("ExpiredTokenException", TOKEN, 403), ConfigurationError, "expired: sign in again"),
        (Refusal("UnrecognizedClientException", TOKEN, 403), ConfigurationError, "AWS does not know: run `aws sts"),
        (Refusal("InvalidSignatureException", SECRET, 403), ConfigurationError, "check the secret key, the clock"),
        (Refusal("SignatureDoesNotMatch", SECRET, 403), ConfigurationError, "check the secret key, the clock"),
        (Refusal("NewException", TOKEN, 400), Rejected, r"refuses the call: NewException \(status 400\)"),
        (Refusal("NewFailure", TOKEN, 500), EngineUnavailable, r"refuses the call: NewFailure \(status 500\)"),
    ],
)
def test_what_aws_refuses_has_a_remedy(site: Site, refusal: Refusal, kind: type[Exception], words: str) -> None:
    site.door.planned.append(refusal)
    assert_raises(site.model(), kind, rf"endpoint 'llama' .*{words}")


@pytest.mark.parametrize(
    ("status", "body", "kind", "words"),
    [
        (400, complaint("stop: too many"), Rejected, r"status 400: stop: too many: change the request"),
        (400, complaint(TOO_LONG), PromptTooLong, "3585 tokens and 512 are asked .* context holds 4096"),
        (404, complaint("The model `x` does not exist."), ConfigurationError, "check engine.options.served_model"),
        (401, complaint("Unauthorized"), ConfigurationError, "must ask for no key"),
        (429, complaint("full"), RateLimited, "too many requests"),
        (500, "Traceback: boom", EngineUnavailable, "status 500: Traceback: boom: `assistant-deploy logs llama`"),
        (503, '{"detail": "loading"}', EngineUnavailable, "status 503: loading: it is overloaded or still loading"),
    ],
)
def test_what_the_container_refuses_has_its_words(
    site: Site, status: int, body: str, kind: type[Exception], words: str
) -> None:
    site.container.refusals.append((status, body))
    error = assert_raises(site.model(), kind, words, max_tokens=512)
    if isinstance(error, PromptTooLong):
        assert (3585, 512, 4096) == (error.prompt_tokens, error.max_tokens, error.context_tokens)


def test_a_container_that_is_too_slow_is_named_so(site: Site) -> None:
    message = "Your invocation timed out while waiting for a response from container primary."
    more = {"OriginalStatusCode": 0, "OriginalMessage": message, "LogStreamArn": "arn"}
    site.door.planned.append(Refusal("ModelError", message, 424, more))
    assert_raises(site.model(), EngineUnavailable, "longer than SageMaker allows .*lower max_tokens")


@pytest.mark.parametrize(
    ("states", "kind", "words"),
    [
        ({}, ConfigurationError, "does not exist: check engine.model, the region"),
        (None, ConfigurationError, "does not exist, or is still being created .*sagemaker:DescribeEndpoint"),
        ({"nope": ("Creating", "")}, EngineUnavailable, "not ready, its status is Creating"),
        ({"nope": ("Updating", "")}, EngineUnavailable, "not ready, its status is Updating"),
        (
            {"nope": ("Failed", "no quota")},
            ConfigurationError,
            "failed to start: no quota: `assistant-deploy logs nope`",
        ),
        ({"nope": ("InService", "")}, ConfigurationError, "in service, but not as called: check variant 'blue'"),
    ],
)
def test_an_endpoint_that_is_not_found_is_looked_up(site: Site, states: Any, kind: type[Exception], words: str) -> None:
    site.door.states = states
    assert_raises(site.model(endpoint="nope", variant="blue"), kind, f"endpoint 'nope' .*{words}")


@pytest.mark.parametrize(
    ("change", "options", "words"),
    [
        ({"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None}, {}, "without AWS credentials.*aws configure"),
        ({"AWS_SECRET_ACCESS_KEY": None}, {}, "without AWS credentials"),
        ({"AWS_DEFAULT_REGION": None}, {}, "set engine.options.region .* or AWS_DEFAULT_REGION"),
        ({}, {"aws_profile": "nobody"}, "no AWS profile of the name in engine.options.aws_profile"),
    ],
)
def test_what_is_missing_here_is_named(
    site: Site, monkeypatch: pytest.MonkeyPatch, change: dict[str, None], options: dict[str, Any], words: str
) -> None:
    for name in change:
        monkeypatch.delenv(name)
    assert_raises(site.model(**options), ConfigurationError, words)
    assert [] == site.container.asked


def test_a_start_says_what_is_missing_before_any_call(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    with pytest.raises(ConfigurationError, match="AWS_DEFAULT_REGION"):
        site.model().start()


def test_a_runtime_that_is_not_there_is_named(site: Site) -> None:
    model = site.model(endpoint_url="http://127.0.0.1:9")
    assert_raises(model, EngineUnavailable, r"cannot be reached: check the network.*\(EndpointConnectionError\)")


def test_a_silent_model_is_not_waited_for_longer_than_the_timeout(site: Site) -> None:
    site.container.gated_at = 0
    assert_raises(site.model(timeout=0.3), EngineUnavailable, "said nothing for 0.3 s.*engine.options.timeout")


def test_a_model_that_falls_silent_leaves_what_it_said(site: Site) -> None:
    site.container.gated_at = 2
    assert_raises(
        site.model(timeout=0.3), EngineUnavailable, "after 3 characters and is not whole: .*said nothing for 0.3"
    )


def test_another_kind_of_container_is_recognized(site: Site) -> None:
    site.container.parts = [b'{"generated_text": "yes"}']
    assert_raises(site.model(), EngineUnavailable, "OpenAI-like server: .* no 'choices' but 'generated_text'")


def test_a_container_that_says_no_json_is_recognized(site: Site) -> None:
    site.container.parts = [b"data: hello\n\n"]
    assert_raises(site.model(), EngineUnavailable, "OpenAI-like server: an event of 5 characters is no JSON")


# --- asking again ---


def test_a_throttled_call_is_repeated_as_often_as_said(site: Site) -> None:
    site.door.planned.extend([Refusal("ThrottlingException")] * 2)
    assert "yes" == site.model(max_retries=2).invoke("hello").content
    site.door.planned.extend([Refusal("ThrottlingException")] * 2)
    assert_raises(site.model(max_retries=1), RateLimited, "too often")


@pytest.mark.parametrize("refusal", [Refusal("AccessDeniedException"), Refusal("ValidationError", NO_CAPACITY)])
def test_what_stays_is_not_repeated(site: Site, refusal: Refusal) -> None:
    site.door.planned.append(refusal)
    with pytest.raises(AssistantError):
        site.model(max_retries=5).invoke("hello")
    assert 1 == len(site.door.calls)


@pytest.mark.parametrize(
    "refusal", [Refusal("ValidationError", NO_CAPACITY), Refusal("ModelNotReadyException", "loading", 429)]
)
def test_an_endpoint_that_wakes_up_is_waited_for(site: Site, refusal: Refusal) -> None:
    site.door.planned.append(refusal)
    assert "yes" == site.model(wake_seconds=30).invoke("hello").content


def test_waiting_for_an_endpoint_ends_with_the_time_given(site: Site) -> None:
    site.door.planned.extend([Refusal("ValidationError", NO_CAPACITY)] * 9)
    assert_raises(site.model(wake_seconds=0.2), EngineUnavailable, "scaled to zero")
    assert 2 == len(site.door.calls)


def test_a_length_that_does_not_fit_shrinks_unless_the_call_asks_for_it(site: Site) -> None:
    site.container.refusals.append((400, complaint(TOO_LONG)))
    assert "yes" == site.model(max_tokens=512).invoke("hello").content
    assert [512, None] == [asked["max_tokens"] for asked in site.container.asked]


def test_a_prompt_that_does_not_fit_is_too_long_whatever_the_length(site: Site) -> None:
    site.container.refusals.extend([(400, complaint(TOO_LONG))] * 2)
    with pytest.raises(PromptTooLong):
        site.model().invoke("hello")


# --- the tables ---


@pytest.mark.parametrize("code", [*CODES, *SAME, "", "Unknown"])
def test_no_code_shows_a_signed_request(code: str) -> None:
    row = CODES.get(SAME.get(code, code))
    signed = f"x-amz-security-token:{TOKEN}"
    error = boto.ClientError({"Error": {"Code": code, "Message": "" if row and row.quotes else signed}}, "Invoke")
    fault = explain(error, Target("llama"), characters=0, state=lambda: None)
    assert TOKEN not in str(fault.error)
    assert "endpoint 'llama'" in str(fault.error)


@pytest.mark.parametrize("kind", [kind for kinds, *_ in HERE for kind in kinds])
def test_every_failure_on_this_side_has_a_remedy_and_no_secret(kind: type[Exception]) -> None:
    error = kind.__new__(kind)
    error.args = (f"http://user:{SECRET}@proxy failed",)
    assert isinstance(error, EXPECTED)
    fault = explain(error, Target("llama", region="eu-west-1"), characters=0, state=lambda: None)
    assert "endpoint 'llama' in eu-west-1" in str(fault.error)
    assert SECRET not in str(fault.error)
    assert "cannot be called (" not in str(fault.error)


def test_a_row_for_a_kind_of_error_is_not_hidden_by_one_above_it() -> None:
    seen: list[type[Exception]] = []
    for kinds, *_ in HERE:
        assert [] == [kind for kind in kinds if issubclass(kind, tuple(seen))]
        seen += kinds
    assert issubclass(http.ProtocolError, http.HTTPError)


def assert_raises(model: ChatSageMaker, kind: type[Exception], words: str, **options: Any) -> BaseException:
    with pytest.raises(kind, match=words) as caught:
        list(model.stream("hello", **options))
    assert kind is type(caught.value)
    assert [] == [secret for secret in (SECRET, TOKEN) if secret in str(caught.value)]
    assert caught.value.__suppress_context__
    return caught.value
