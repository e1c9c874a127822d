"""Why a call of an endpoint failed, as the SDK's errors: what happened, where, and what to do; never a credential."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import botocore.exceptions as boto  # type: ignore[import-untyped, unused-ignore]
import urllib3.exceptions as http
from botocore.eventstream import ParserError  # type: ignore[import-untyped, unused-ignore]

from assistant.errors import (
    AssistantError,
    ConfigurationError,
    EngineUnavailable,
    PromptTooLong,
    RateLimited,
    Rejected,
)
from deploy.invoking import Target
from deploy.replies import Complaint
from deploy.stream import Garbled, Unfinished

EXPECTED = (boto.BotoCoreError, boto.ClientError, http.HTTPError, ParserError, Complaint, Garbled, Unfinished, OSError)
"""What a call may raise. Reading the stream raises urllib3's own errors: botocore does not wrap them there."""

QUOTED = 500
"""Characters of a container's or of AWS's message that an error repeats."""

TOO_LONG = re.compile(
    r"maximum context length is (?P<context>\d+) tokens"
    r"|Input length \((?P<input>\d+)\) exceeds model's maximum context length \((?P<limit>\d+)\)"
)
"""vLLM 0.32 (renderers/params.py, entrypoints/serve/utils/api_utils.py); older versions say the first as well."""

PROMPT = re.compile(r"contains (?:at least )?(\d+) (?:input tokens|characters)")
REQUESTED = re.compile(r"requested (\d+) output tokens")
NO_CAPACITY = re.compile(r"no capacity|not have (?:any )?capacity|NoCapacity", re.IGNORECASE)
"""What SageMaker says for an inference component without a copy, as while it is scaled to zero."""

NOT_FOUND = re.compile(r"\bnot found\b|could not find", re.IGNORECASE)
NOT_YET = re.compile(r"not in ?service|is (?:being )?(?:creat|updat)|in the \w+ (?:state|status)", re.IGNORECASE)
TIMED_OUT = re.compile(r"timed out|ModelInvocationTimeExceeded", re.IGNORECASE)

LOGS = "`assistant-deploy logs {name}` shows what the container says"
CREDENTIALS = "run `aws sts get-caller-identity` to see who you are; set AWS_PROFILE, or engine.options.aws_profile"


@dataclass(frozen=True, slots=True)
class Fault:
    """An error of ours; `again`: the same call may be answered now, `wakes`: some minutes from now."""

    error: AssistantError
    again: bool = False
    wakes: bool = False


@dataclass(frozen=True, slots=True)
class _Row:
    """What to say of an AWS error code; `quotes` where AWS's message holds no part of a signed request."""

    kind: type[AssistantError]
    text: str
    again: bool = False
    quotes: bool = True
    wakes: bool = False


CODES: Mapping[str, _Row] = {
    "ThrottlingException": _Row(
        RateLimited, "is called too often: add instances, or lower engine.max_concurrent", True
    ),
    "ServiceUnavailable": _Row(EngineUnavailable, "is not available: try again; if it stays, " + LOGS, True),
    "InternalFailure": _Row(EngineUnavailable, "failed inside SageMaker: try again", True),
    "InternalStreamFailure": _Row(EngineUnavailable, "broke its stream inside SageMaker: try again", True),
    "InternalDependencyException": _Row(
        EngineUnavailable, "failed inside SageMaker: try again; if it stays, ask AWS support", True
    ),
    "ModelNotReadyException": _Row(
        EngineUnavailable, "is still loading the model: try again in a minute", True, wakes=True
    ),
    "AccessDeniedException": _Row(
        ConfigurationError,
        "may not be called with these credentials: allow sagemaker:InvokeEndpoint and "
        "sagemaker:InvokeEndpointWithResponseStream on it",
    ),
    "ExpiredTokenException": _Row(
        ConfigurationError, "refuses credentials that have expired: sign in again (`aws sso login`)", quotes=False
    ),
    "UnrecognizedClientException": _Row(
        ConfigurationError, "refuses the credentials, which AWS does not know: " + CREDENTIALS, quotes=False
    ),
    "InvalidSignatureException": _Row(
        ConfigurationError, "refuses the signature: check the secret key, the clock and the region", quotes=False
    ),
    "IncompleteSignatureException": _Row(
        ConfigurationError, "refuses the signature: the access key is malformed; " + CREDENTIALS, quotes=False
    ),
}
"""By the code AWS gives (botocore 1.44: sagemaker-runtime; IAM user guide, "Common errors"), under one name each."""

SAME = {
    "AccessDenied": "AccessDeniedException",
    "ExpiredToken": "ExpiredTokenException",
    "InternalFailureException": "InternalFailure",
    "InternalServerException": "InternalFailure",
    "InvalidClientTokenId": "UnrecognizedClientException",
    "NotAuthorized": "AccessDeniedException",
    "ServiceUnavailableException": "ServiceUnavailable",
    "SignatureDoesNotMatch": "InvalidSignatureException",
    "Throttling": "ThrottlingException",
    "TooManyRequestsException": "ThrottlingException",
}
"""Other names of the same codes."""

HERE: tuple[tuple[tuple[type[Exception], ...], type[AssistantError], str, bool], ...] = (
    (
        (boto.NoCredentialsError, boto.PartialCredentialsError, boto.CredentialRetrievalError),
        ConfigurationError,
        "cannot be called without AWS credentials, and none were found: run `aws configure` or `aws sso login`, set "
        "AWS_PROFILE, or give the machine a role",
        False,
    ),
    (
        (boto.UnauthorizedSSOTokenError, boto.SSOTokenLoadError, boto.TokenRetrievalError),
        ConfigurationError,
        "cannot be called: the AWS sign-in has expired, run `aws sso login`",
        False,
    ),
    (
        (boto.ProfileNotFound,),
        ConfigurationError,
        "cannot be called: there is no AWS profile of the name in engine.options.aws_profile or AWS_PROFILE; "
        "`aws configure list-profiles` shows those there are",
        False,
    ),
    (
        (boto.NoRegionError, boto.InvalidRegionError),
        ConfigurationError,
        "has no usable region: set engine.options.region (such as us-east-1) or AWS_DEFAULT_REGION",
        False,
    ),
    (
        (boto.ParamValidationError,),
        ConfigurationError,
        "cannot be called so: the name of an endpoint, a component or a variant has letters, digits and hyphens, at most 63",
        False,
    ),
    ((boto.ProxyConnectionError,), EngineUnavailable, "cannot be reached: check the proxy (HTTPS_PROXY)", True),
    (
        (boto.SSLError,),
        EngineUnavailable,
        "cannot be reached: its certificate is not trusted; check a proxy in between, and AWS_CA_BUNDLE",
        False,
    ),
    (
        (boto.ReadTimeoutError, http.ReadTimeoutError, TimeoutError),
        EngineUnavailable,
        "said nothing for {timeout:g} s: add instances or shorten the prompt; engine.options.timeout waits longer",
        False,
    ),
    (
        (boto.ConnectTimeoutError, boto.EndpointConnectionError, boto.ConnectionClosedError, boto.HTTPClientError),
        EngineUnavailable,
        "cannot be reached: check the network, the region, and the VPC endpoint where there is one",
        True,
    ),
    ((http.HTTPError, ParserError, OSError), EngineUnavailable, "lost its connection: try again", True),
)
"""What fails on this side; the errors' own texts are left out, as a proxy's URL may hold a password."""


def explain(error: Exception, target: Target, *, characters: int, state: Callable[[], tuple[str, str] | None]) -> Fault:
    """What `error`, one of `EXPECTED`, means; `characters` of the answer had come before it.

    `state` asks for the endpoint's status where the error leaves it open.
    """
    found = _explained(error, target, state)
    if characters:
        text = f"the answer broke off after {characters} characters and is not whole: {found.error}"
        return Fault(EngineUnavailable(text))
    return found


def _explained(error: Exception, target: Target, state: Callable[[], tuple[str, str] | None]) -> Fault:
    match error:
        case boto.ClientError():
            return _of_aws(error, target, state)
        case Complaint():
            return _of_container(str(error), error.status or 500, target)
        case Unfinished():
            return _broken(str(error), target)
        case Garbled():
            hint = "; is it the right container? " + LOGS.format(name=target.endpoint)
            return Fault(EngineUnavailable(f"{_named(target)} does not answer as an OpenAI-like server: {error}{hint}"))
    for kinds, kind, text, again in HERE:
        if isinstance(error, kinds):
            told = text.format(timeout=target.timeout)
            return Fault(kind(f"{_named(target)} {told} ({type(error).__name__})"), again)
    return Fault(EngineUnavailable(f"{_named(target)} cannot be called ({type(error).__name__})"))


def _of_aws(error: Any, target: Target, state: Callable[[], tuple[str, str] | None]) -> Fault:
    told = error.response.get("Error", {})
    code, message = str(told.get("Code", "")), str(told.get("Message", ""))
    if code == "ModelError":
        status = int(error.response.get("OriginalStatusCode", 500))
        return _of_container(str(error.response.get("OriginalMessage") or message), status, target)
    if NO_CAPACITY.search(message):
        text = "is scaled to zero and wakes up, which takes minutes: try again then, or set engine.options.wake_seconds"
        return Fault(EngineUnavailable(f"{_named(target)} {text} (NoCapacity)"), wakes=True)
    if code in ("ValidationError", "ValidationException"):
        return _invalid(message, target, state)
    if code == "ModelStreamError":
        return _broken(message, target)
    row = CODES.get(SAME.get(code, code))
    if row is None:
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        kind, again = (EngineUnavailable, True) if status >= 500 or status == 429 else (Rejected, False)
        return Fault(kind(f"{_named(target)} refuses the call: {code or 'no code'} (status {status})"), again)
    text = f"{_named(target)} {row.text.format(name=target.endpoint)}"
    return Fault(row.kind(f"{text} ({code}{_quote(message) if row.quotes else ''})"), row.again, row.wakes)


def _invalid(message: str, target: Target, state: Callable[[], tuple[str, str] | None]) -> Fault:
    if not (NOT_FOUND.search(message) or NOT_YET.search(message)):
        return Fault(Rejected(f"{_named(target)} refuses the call as invalid{_quote(message)}"))
    known = state()
    status, reason = known or ("", "")
    if status == "Failed":
        why = f"{_named(target)} failed to start{_quote(reason)}: {LOGS.format(name=target.endpoint)}"
        return Fault(ConfigurationError(why))
    if status and status != "InService":
        text = f"{_named(target)} is not ready, its status is {status}: `assistant-deploy status` shows how far it is"
        return Fault(EngineUnavailable(text), wakes=True)
    if status:
        part = f"component {target.component!r}" if target.component else f"variant {target.variant!r}"
        return Fault(
            ConfigurationError(f"{_named(target)} is in service, but not as called: check {part}{_quote(message)}")
        )
    if NOT_YET.search(message):
        return Fault(EngineUnavailable(f"{_named(target)} is not ready{_quote(message)}"), wakes=True)
    unsure = "" if known else ", or is still being created (these credentials may not ask: sagemaker:DescribeEndpoint)"
    advice = "check engine.model, the region and the account; `assistant-deploy status` lists what there is"
    return Fault(ConfigurationError(f"{_named(target)} does not exist{unsure}: {advice}"))


def _of_container(message: str, status: int, target: Target) -> Fault:
    """The container answered with an error of its own; 424 in SageMaker's API."""
    if TOO_LONG.search(message):
        return Fault(_too_long(message))
    if TIMED_OUT.search(message) or status == 0:
        return _broken(message, target)
    said = f"the container of {_named(target)} answered with status {status}{_quote(_inner(message))}"
    logs = LOGS.format(name=target.endpoint)
    if status == 429:
        return Fault(
            RateLimited(f"{said}: it has too many requests, add instances or lower engine.max_concurrent"), True
        )
    if status in (502, 503, 504):
        return Fault(EngineUnavailable(f"{said}: it is overloaded or still loading the model; {logs}"), True, True)
    if status >= 500:
        return Fault(EngineUnavailable(f"{said}: {logs}"))
    if status == 404:
        return Fault(
            ConfigurationError(f"{said}: check engine.options.served_model, and that the container serves chats")
        )
    if status in (401, 403):
        return Fault(ConfigurationError(f"{said}: a container in SageMaker must ask for no key"))
    return Fault(Rejected(f"{said}: change the request"))


def _broken(message: str, target: Target) -> Fault:
    if TIMED_OUT.search(message):
        text = "took longer than SageMaker allows (60 s to begin, 8 min in all): lower max_tokens, or add instances"
        return Fault(EngineUnavailable(f"{_named(target)} {text}{_quote(message)}"))
    text = f"broke its stream: {LOGS.format(name=target.endpoint)}"
    return Fault(EngineUnavailable(f"{_named(target)} {text}{_quote(message)}"), again=True)


def _too_long(message: str) -> PromptTooLong:
    found, prompt, asked = TOO_LONG.search(message), PROMPT.search(message), REQUESTED.search(message)
    context = int((found and (found["context"] or found["limit"])) or 0)
    length = int(prompt[1]) if prompt else int((found and found["input"]) or context)
    return PromptTooLong(prompt_tokens=length, max_tokens=int(asked[1]) if asked else 1, context_tokens=context)


def _inner(message: str) -> str:
    """The text in `{"error": {"message": …}}` or `{"detail": …}`, as most containers answer."""
    found = re.search(r'"(?:message|detail)"\s*:\s*"((?:[^"\\]|\\.)*)"', message)
    return found[1] if found else message


def _named(target: Target) -> str:
    part = f" (component {target.component!r})" if target.component else ""
    return f"endpoint {target.endpoint!r}{part}" + (f" in {target.region}" if target.region else "")


def _quote(message: str) -> str:
    short = " ".join(message.split())
    return f": {short[:QUOTED]}{'…' if len(short) > QUOTED else ''}" if short else ""
