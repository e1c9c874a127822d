"""The plan of a deployment as one value: what fits, why, and every AWS call; made offline, written as JSON."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

from assistant.errors import ConfigurationError
from deploy import making
from deploy.calls import PLAN_TAG, TAG, Call, calls_of
from deploy.choices import Choices
from deploy.memory import Memory
from deploy.strict import check, check_shape

__all__ = ["PLAN_TAG", "TAG", "Call", "Plan"]


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything about one endpoint. `digest` is that of the calls: another plan has another, and so other names.

    `options` are what the plan was made from and what belongs to no single call: `made_from`, `role`, `role_policy`,
    `role_trust`, `secret`, `source`, `gated`, `deployment`, `timeouts`, `component`, `memory_bytes`, `cost_per_hour`.
    """

    name: str
    region: str
    model: str
    instance_type: str
    instance_count: int
    tensor_parallel: int
    dtype: str
    max_model_len: int
    max_concurrency: int
    memory: Memory
    image: str
    ami: str
    environment: Mapping[str, str]
    calls: tuple[Call, ...]
    reasons: tuple[str, ...]
    warnings: tuple[str, ...]
    options: Mapping[str, Any]
    digest: str

    @classmethod
    def make(cls, model: str, **choices: Any) -> Self:
        """The plan for `model`, a name or size of the Llama family, a hub id or a folder; `choices` are `Choices`' fields.

        Raises:
            ConfigurationError: it fits nowhere as asked, or AWS would refuse a call; the message has the remedy.
        """
        made = making.make(Choices.of(model, choices))
        parts = replace(made.parts, digest=_digest(calls_of(made.parts)))
        plan = cls(
            name=parts.name,
            region=parts.choices.region,
            model=made.model,
            instance_type=parts.fit.instance.name,
            instance_count=parts.choices.instances,
            tensor_parallel=parts.fit.tensor_parallel,
            dtype=parts.fit.dtype,
            max_model_len=parts.fit.max_model_len,
            max_concurrency=parts.fit.max_concurrency,
            memory=parts.fit.memory,
            image=parts.image,
            ami=parts.ami,
            environment=parts.environment,
            calls=calls_of(parts),
            reasons=made.reasons,
            warnings=made.warnings,
            options=made.options(parts),
            digest=parts.digest,
        )
        plan.check()
        return plan

    def check(self) -> None:
        """Refuse the plan where AWS would refuse one of its calls.

        Raises:
            ConfigurationError: with every fault of the first such call.
        """
        for call in self.calls:
            check(call.service, call.operation, call.parameters)
        shape = "InferenceComponentDeploymentConfig" if self.options["component"] else "DeploymentConfig"
        check_shape("sagemaker", shape, self.options["deployment"])

    def to_dict(self) -> dict[str, Any]:
        """The JSON of `assistant-deploy plan --json`, which `from_dict` reads back."""
        return {
            "name": self.name,
            "region": self.region,
            "model": self.model,
            "instance_type": self.instance_type,
            "instance_count": self.instance_count,
            "tensor_parallel": self.tensor_parallel,
            "dtype": self.dtype,
            "max_model_len": self.max_model_len,
            "max_concurrency": self.max_concurrency,
            "memory": self.memory.to_dict(),
            "image": self.image,
            "ami": self.ami,
            "environment": dict(self.environment),
            "calls": [call.to_dict() for call in self.calls],
            "reasons": list(self.reasons),
            "warnings": list(self.warnings),
            "options": dict(self.options),
            "digest": self.digest,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], *, where: str = "the plan") -> Self:
        """From `to_dict`.

        Raises:
            ConfigurationError: something is missing, the calls were changed by hand, or AWS would refuse one.
        """
        try:
            read = dict(values)
            calls = tuple(Call(one["service"], one["operation"], one["parameters"]) for one in read.pop("calls"))
            sizes = read["options"]["memory_bytes"]
            texts = {key: tuple(read.pop(key)) for key in ("reasons", "warnings")}
            plan = cls(**{**read, **texts, "calls": calls, "memory": Memory(**sizes)})
            same = plan.digest == _digest(_unnamed(plan))
        except KeyError as error:
            raise ConfigurationError(
                f"{where} is not a plan of `assistant-deploy plan --out`: it has no {error}"
            ) from None
        except (AttributeError, TypeError) as error:
            raise ConfigurationError(f"{where} is not a plan of `assistant-deploy plan --out`: {error}") from None
        if not same:
            raise ConfigurationError(
                f"{where} was changed after it was made: its names carry a digest of its calls. "
                f"Make it again with other choices instead (`assistant-deploy plan --help`)"
            )
        plan.check()
        return plan

    @classmethod
    def from_file(cls, path: str | Path) -> Self:
        """The plan that `write` wrote.

        Raises:
            ConfigurationError: the file cannot be read, or `from_dict` refuses it.
        """
        try:
            values = json.loads(Path(path).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ConfigurationError(f"plan {str(path)!r} cannot be read: {error}") from None
        if not isinstance(values, dict):
            raise ConfigurationError(f"plan {str(path)!r} is not a JSON object")
        return cls.from_dict(values, where=f"plan {str(path)!r}")

    def write(self, path: str | Path) -> None:
        """Write the JSON to `path`; it holds no secret."""
        Path(path).write_text(json.dumps(self.to_dict(), ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


def _digest(calls: tuple[Call, ...]) -> str:
    text = json.dumps([call.to_dict() for call in calls], sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _unnamed(plan: Plan) -> tuple[Call, ...]:
    """The calls as they were before the digest went into names and tags."""
    text = json.dumps([call.to_dict() for call in plan.calls], ensure_ascii=False)
    text = text.replace(plan.digest, "")
    text = re.sub(rf"{re.escape(plan.name)}-{plan.digest[:8]}(?![0-9a-f])", f"{plan.name}-{'0' * 8}", text)
    return tuple(Call(one["service"], one["operation"], one["parameters"]) for one in json.loads(text))
