"""Everything a plan can be asked for, checked where it can be checked without knowing the model."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from typing import Any, Literal, Self

from assistant.errors import ConfigurationError
from deploy.images import Kind

Strategy = Literal["all-at-once", "canary", "linear", "rolling"]

STRATEGIES = ("all-at-once", "canary", "linear", "rolling")
SCALE_ON = ("requests", "kv")

NAME = re.compile(r"[a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?")
NAME_MAX = 54
"""SageMaker allows 63 characters; model and endpoint config add nine for the plan's digest."""

S3 = re.compile(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/\S*)?")
ROLE_ARN = re.compile(r"arn:aws[a-z-]*:iam::\d{12}:role/[\w+=,.@/-]+", re.ASCII)
ROLE_NAME = re.compile(r"[\w+=,.@-]{1,64}", re.ASCII)

LOOKS = {
    "source": (S3, "an S3 prefix such as s3://bucket/llama-3.1-8b/"),
    "async_output": (S3, "an S3 prefix such as s3://bucket/answers/"),
    "role": (re.compile(f"{ROLE_ARN.pattern}|{ROLE_NAME.pattern}", re.ASCII), "the ARN or the name of a role"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """What `Plan.make` takes as keywords; None leaves a choice to the plan.

    `source` is an S3 prefix with the uncompressed model (default: the hub); `secret` names the secret with the hub's token;
    `scale_min` 0 makes inference components that scale to zero; `async_output` makes the endpoint asynchronous;
    `adapters` are LoRA adapters by name, each with the S3 URI of its archive; `prices` are what one instance costs an hour;
    `engine` are arguments of vLLM, `environment` other variables of the container.
    """

    model: str
    instance_type: str | None = None
    context: int | None = None
    users: int | None = None
    dtype: str = "auto"
    region: str = "us-east-1"
    name: str | None = None
    instances: int = 1
    container: Kind = "vllm"
    image: str | None = None
    ami: str | None = None
    role: str | None = None
    secret: str | None = None
    source: str | None = None
    subnets: tuple[str, ...] = ()
    security_groups: tuple[str, ...] = ()
    kms: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    strategy: Strategy = "all-at-once"
    scale_min: int | None = None
    scale_max: int | None = None
    scale_on: Literal["requests", "kv"] = "requests"
    scale_target: float | None = None
    async_output: str | None = None
    components: bool = False
    adapters: Mapping[str, str] = field(default_factory=dict)
    prices: Mapping[str, float] = field(default_factory=dict)
    engine: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._check_looks()
        self._check_ids()
        self._check_numbers()
        self._check_together()

    @classmethod
    def of(cls, model: str, choices: Mapping[str, Any]) -> Self:
        """From keywords, or from what `to_dict` wrote.

        Raises:
            ConfigurationError: a choice that does not exist, or one that contradicts another.
        """
        known = {one.name for one in fields(cls)}
        if unknown := sorted(choices.keys() - known):
            raise ConfigurationError(f"a plan has no choice {unknown[0]!r}; there are {', '.join(sorted(known))}")
        tuples = {key: tuple(choices[key]) for key in ("subnets", "security_groups") if key in choices}
        return cls(**{**choices, **tuples, "model": model})

    def to_dict(self) -> dict[str, Any]:
        """Those that differ from the default; JSON values."""
        found = {one.name: getattr(self, one.name) for one in fields(self)}
        usual = {one.name: () if one.default is MISSING else one.default for one in fields(self)}
        given = {key: value for key, value in found.items() if value != usual[key] and value != {}}
        return {
            key: list(value) if isinstance(value, tuple) else dict(value) if isinstance(value, Mapping) else value
            for key, value in given.items()
        }

    @property
    def with_components(self) -> bool:
        """Copies of the model are inference components, placed on instances that SageMaker adds and removes."""
        return self.components or bool(self.adapters) or (self.scale_min == 0 and not self.async_output)

    def _check_looks(self) -> None:
        for key, (pattern, wanted) in LOOKS.items():
            value = getattr(self, key)
            if value is not None and not pattern.fullmatch(value):
                raise ConfigurationError(f"{key} {value!r} is not {wanted}")
        named = {"name": self.name, **{f"adapters.{name}": name for name in self.adapters}}
        for key, value in named.items():
            if value is not None and not (NAME.fullmatch(value) and len(value) <= NAME_MAX):
                raise ConfigurationError(
                    f"{key} {value!r} is not a name of SageMaker: at most {NAME_MAX} letters, digits and inner hyphens"
                )
        for name, uri in self.adapters.items():
            if not S3.fullmatch(uri):
                raise ConfigurationError(f"adapters.{name} {uri!r} is not an S3 URI such as s3://bucket/adapter.tar.gz")
        if self.strategy not in STRATEGIES or self.scale_on not in SCALE_ON:
            raise ConfigurationError(
                f"strategy {self.strategy!r} or scale_on {self.scale_on!r} is unknown: "
                f"use one of {', '.join(STRATEGIES)}, and one of {', '.join(SCALE_ON)}"
            )

    def _check_ids(self) -> None:
        if (self.secret or "").startswith("hf_"):
            raise ConfigurationError("secret is a token of the hub itself: give the name of the secret that holds it")
        for kind, ids in (("subnet", self.subnets), ("sg", self.security_groups)):
            if wrong := next((one for one in ids if not re.fullmatch(rf"{kind}-[0-9a-f]{{8,17}}", one)), None):
                raise ConfigurationError(f"{wrong!r} is not an id such as {kind}-0123456789abcdef0")

    def _check_numbers(self) -> None:
        for key, least in (("context", 256), ("users", 1), ("instances", 1), ("scale_min", 0), ("scale_max", 1)):
            value = getattr(self, key)
            if value is not None and value < least:
                raise ConfigurationError(f"{key} {value!r} is too small: at least {least}")
        if self.scale_target is not None and self.scale_target <= 0:
            raise ConfigurationError(f"scale_target {self.scale_target!r} must be above 0")
        if bad := next((name for name, price in self.prices.items() if not price > 0), None):
            raise ConfigurationError(f"price of {bad!r} must be above 0: what one instance costs an hour")

    def _check_together(self) -> None:
        if bool(self.subnets) != bool(self.security_groups):
            raise ConfigurationError("a VPC needs both subnets and security_groups")
        if (self.scale_min is not None or self.scale_on == "kv" or self.scale_target) and self.scale_max is None:
            raise ConfigurationError("scaling needs scale_max (--scale-max): how many instances at most")
        if self.scale_max is not None and self.scale_max < max(self.scale_min or 1, 1):
            raise ConfigurationError(f"scale_max {self.scale_max} is below scale_min {self.scale_min}")
        if self.async_output and self.with_components:
            raise ConfigurationError(
                "async_output cannot go with inference components (components, adapters): it scales its variant"
            )
        if (self.scale_min or 0) > self.instances:
            raise ConfigurationError(
                f"scale_min {self.scale_min} is above instances {self.instances}: start with as many"
            )
        if self.scale_max is not None and self.instances > self.scale_max:
            raise ConfigurationError(f"instances {self.instances} is more than scale_max {self.scale_max}")
        if self.instances < 2 and self.strategy in ("canary", "linear"):
            raise ConfigurationError(
                f"strategy {self.strategy!r} moves part of the instances first: it needs instances >= 2"
            )
