"""One AWS account in one region: every call checked against AWS's own model before it leaves, every refusal an error of ours."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from assistant.errors import AssistantError, ConfigurationError, Rejected, TransientError
from deploy.strict import check

MISSING_CODES = frozenset(
    {
        "NoSuchEntity",
        "NoSuchBucket",
        "NoSuchKey",
        "404",
        "ResourceNotFound",
        "ResourceNotFoundException",
        "ObjectNotFoundException",
        "RepositoryNotFoundException",
    }
)

ATTEMPTS = 8
"""How often botocore sends a request that is throttled or lost; its own waits grow in between."""

QUOTED = 1000
"""Characters of AWS's message that an error repeats; a proxy may answer with a page."""


class Refused(Rejected):
    """AWS refused a call; `code` and `reason` are AWS's own words."""

    def __init__(self, call: str, code: str, reason: str) -> None:
        super().__init__(f"{call} was refused: {reason or 'no reason given'} ({code})")
        self.code, self.reason = code, reason

    @property
    def missing(self) -> bool:
        """Whether what was asked for does not exist."""
        return self.code in MISSING_CODES or "could not find" in self.reason.lower()

    @property
    def throttled(self) -> bool:
        """Whether the same call may succeed later."""
        return "Throttl" in self.code or self.code in ("TooManyRequestsException", "ServiceUnavailable", "500", "503")


@dataclass(frozen=True, slots=True)
class Identity:
    """Whose credentials are used."""

    account: str
    arn: str


class Account:
    """Calls of boto3 with the credentials it finds; `endpoint_url` sends all of them to another server."""

    def __init__(self, region: str, *, profile: str | None = None, endpoint_url: str | None = None) -> None:
        self.region, self.profile, self.endpoint_url = region, profile, endpoint_url
        self._clients: dict[str, Any] = {}
        self._session: Any = None
        self._lock = threading.Lock()
        for name in (
            "botocore",
            "boto3",
            "urllib3",
        ):  # at debug level they log request bodies: the hub's token is in one
            logger = logging.getLogger(name)
            logger.setLevel(max(logger.getEffectiveLevel(), logging.INFO))

    def call(self, service: str, operation: str, **parameters: Any) -> dict[str, Any]:
        """The answer of one call; `operation` in snake_case.

        Raises:
            Refused: AWS refuses it.
            ConfigurationError: AWS would refuse the arguments, or there are no usable credentials.
            TransientError: AWS cannot be reached.
        """
        from botocore.exceptions import BotoCoreError, ClientError  # type: ignore[import-untyped, unused-ignore]
        from botocore.parsers import ResponseParserError  # type: ignore[import-untyped, unused-ignore]

        try:
            answer: dict[str, Any] = getattr(self.client(service), operation)(**parameters)
        except ClientError as error:
            told = error.response.get("Error", {})
            name = f"{service}.{operation}"
            reason = " ".join(str(told.get("Message", "")).split())[:QUOTED]
            raise Refused(name, str(told.get("Code", "")), reason) from None
        except (BotoCoreError, ResponseParserError) as error:  # the second where a proxy answers with a page
            raise unreached(error, self.region) from None
        return answer

    def pages(self, service: str, operation: str, key: str, **parameters: Any) -> Iterator[dict[str, Any]]:
        """The items under `key` of every page; raises what `call` raises."""
        while True:
            answer = self.call(service, operation, **parameters)
            yield from answer.get(key) or ()
            if not (token := answer.get("NextToken") or answer.get("nextToken")):
                return
            parameters["NextToken" if "NextToken" in answer else "nextToken"] = token

    def find(self, service: str, operation: str, **parameters: Any) -> dict[str, Any] | None:
        """The answer of a describing call, None where there is no such thing; raises what else `call` raises."""
        try:
            return self.call(service, operation, **parameters)
        except Refused as error:
            if error.missing:
                return None
            raise

    @cached_property
    def identity(self) -> Identity:
        """The caller, asked of STS once; raises what `call` raises."""
        answer = self.call("sts", "get_caller_identity")
        return Identity(str(answer["Account"]), str(answer["Arn"]))

    def client(self, service: str) -> Any:
        """boto3's client; it refuses what AWS's own model of the service refuses (`deploy.strict`)."""
        with self._lock:
            if service not in self._clients:
                self._clients[service] = self._make(service)
            return self._clients[service]

    def _make(self, service: str) -> Any:
        import boto3  # type: ignore[import-untyped, unused-ignore]
        from botocore.config import Config  # type: ignore[import-untyped, unused-ignore]
        from botocore.exceptions import BotoCoreError  # type: ignore[import-untyped, unused-ignore]

        try:
            if self._session is None:
                self._session = boto3.Session(region_name=self.region, profile_name=self.profile)
            config = Config(retries={"total_max_attempts": ATTEMPTS, "mode": "standard"})
            made = self._session.client(service, config=config, endpoint_url=self.endpoint_url)
        except BotoCoreError as error:
            raise unreached(error, self.region) from None
        made.meta.events.register("provide-client-params.*.*", _refuse_early)
        return made


def _refuse_early(params: Mapping[str, Any], model: Any, **_: Any) -> None:
    from botocore import xform_name  # type: ignore[import-untyped, unused-ignore]

    check(model.service_model.service_name, xform_name(model.name), params)


def unreached(error: Exception, region: str) -> AssistantError:
    """What a failure on this side means, such as no credentials; its own text is left out, a proxy's URL may hold a password."""
    kind = type(error).__name__
    if kind in ("NoCredentialsError", "PartialCredentialsError", "CredentialRetrievalError"):
        return ConfigurationError(
            f"no usable AWS credentials ({kind}): run `aws configure` or `aws sso login`, set AWS_PROFILE, or give --profile"
        )
    if "Token" in kind or "SSO" in kind:
        return ConfigurationError(f"the AWS sign-in has expired ({kind}): run `aws sso login`")
    if kind == "ProfileNotFound":
        return ConfigurationError(
            "there is no AWS profile of the name in --profile or AWS_PROFILE: "
            "`aws configure list-profiles` shows those there are"
        )
    if kind in ("NoRegionError", "InvalidRegionError"):
        return ConfigurationError(f"region {region!r} is not usable: give --region")
    return TransientError(f"AWS cannot be reached in {region} ({kind}): check the network, the proxy and the region")
