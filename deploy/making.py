"""From choices to the parts of a plan: shape, fit, image, environment, time-outs; nothing is asked of the network."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from deploy.calls import ROLE, Parts
from deploy.choices import NAME_MAX, Choices
from deploy.container import environment_of, given_arguments, load_of
from deploy.fitting import Fit, Wanted, fit
from deploy.images import Image, image_for, image_from
from deploy.memory import weights_bytes
from deploy.role import policy, trust
from deploy.shape import FP8, Shape, shape_of
from deploy.startup import timeouts
from deploy.updating import deployment


@dataclass(frozen=True, slots=True)
class Made:
    """The parts of the calls, and what a plan says about them."""

    shape: Shape
    parts: Parts
    reasons: tuple[str, ...]
    warnings: tuple[str, ...]

    @property
    def model(self) -> str:
        """The hub id where there is one, else the model's name."""
        return self.shape.source or self.shape.model.name

    def options(self, parts: Parts) -> dict[str, Any]:
        """`Plan.options`."""
        choices, held = parts.choices, parts.fit.memory
        price = choices.prices.get(parts.fit.instance.name)
        return {
            "made_from": choices.to_dict(),
            "role": parts.role,
            "role_policy": policy(parts),
            "role_trust": trust(choices.region),
            "secret": choices.secret,
            "source": choices.source or "hub",
            "gated": self.shape.gated and not choices.source,
            "deployment": deployment(parts),
            "timeouts": {"download": parts.timeouts.download, "startup": parts.timeouts.startup},
            "component": parts.name if choices.with_components else None,
            "memory_bytes": {name: getattr(held, name) for name in held.__dataclass_fields__},
            "cost_per_hour": None if price is None else price * choices.instances,
        }


def make(choices: Choices) -> Made:
    """Everything a plan is made of.

    Raises:
        ConfigurationError: a choice cannot be met; the message says which, and what could.
    """
    shape = shape_of(choices.model)
    given = given_arguments(choices)
    load = load_of(choices, given)
    wanted = Wanted(choices.context, choices.users, choices.instances, choices.dtype, load)
    shape, fitted = _fitted(shape, wanted, choices)
    image, ami = _image(choices)
    environment = environment_of(choices, given, shape, fitted, image)
    size = weights_bytes(shape, shape.dtype)
    waits = timeouts(size, from_s3=choices.source is not None)
    name = choices.name or _name(shape.model.name)
    parts = Parts(name, choices, fitted, image.uri, ami, environment, waits)
    warnings = (*fitted.warnings, *_warnings(parts, shape, size, image))
    return Made(shape, parts, (*fitted.reasons, *_reasons(parts, image, size)), warnings)


def _fitted(shape: Shape, wanted: Wanted, choices: Choices) -> tuple[Shape, Fit]:
    """In fp8 with Meta's own checkpoint where there is one: half the download, but a larger model than vLLM would make."""
    published = _published(shape, choices)
    if published and wanted.dtype == "fp8":
        shape, wanted = published, replace(wanted, dtype="auto")
    fitted = fit(shape, wanted, instance_type=choices.instance_type, prices=choices.prices)
    if published is None or fitted.dtype != "fp8" or shape is published:
        return shape, fitted
    again = fit(published, replace(wanted, dtype="auto"), instance_type=fitted.instance.name, prices={})
    return published, replace(again, reasons=(*fitted.reasons[:1], *again.reasons))


def _published(shape: Shape, choices: Choices) -> Shape | None:
    if shape.quantized or choices.source or (shape.source or "") not in FP8:
        return None
    return Shape(shape.model, FP8[shape.source or ""], "fp8", quantized=True)


def _image(choices: Choices) -> tuple[Image, str]:
    if choices.image:
        kind = choices.container if choices.container == "lmi" else None  # else its tag tells
        return image_from(choices.image, region=choices.region, kind=kind, ami=choices.ami)
    image = image_for(choices.region, kind=choices.container)
    return image, choices.ami or image.ami


def _name(model: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", model.lower()).strip("-")[:NAME_MAX].rstrip("-")


def _reasons(parts: Parts, image: Image, size: int) -> Iterator[str]:
    cuda = f"CUDA {image.cuda[0]}.{image.cuda[1]}"
    if image.vllm:
        yield f"the newest image that {parts.choices.region} has is known to hold vLLM {image.vllm}"
    yield f"{parts.ami}: its driver runs the image's {cuda}; an older one leaves the endpoint in Creating without a log"
    place = "S3" if parts.choices.source else "the hub"
    yield (
        f"start-up may take {parts.timeouts.startup} s: {size / 1e9:.1f} GB from {place}, read, compiled and warmed up "
        f"(SageMaker's own limit of minutes is too short)"
    )
    if parts.choices.instances > 1:
        each = parts.fit.max_concurrency
        yield f"{parts.choices.instances} instances answer {each * parts.choices.instances} full contexts at once"
    price = parts.choices.prices.get(parts.fit.instance.name)
    if price is not None:
        yield f"{price * parts.choices.instances:g} an hour at the price given, while {parts.choices.instances} run"


def _warnings(parts: Parts, shape: Shape, size: int, image: Image) -> Iterator[str]:
    choices = parts.choices
    gpus, degree = parts.fit.instance.gpus, parts.fit.tensor_parallel
    if gpus > degree and not choices.with_components:
        yield (
            f"{gpus - degree} of {gpus} GPUs stay idle: the model's heads do not divide over more; "
            f"--components puts a copy on each"
        )
    if warning := parts.timeouts.warning():
        yield warning
    if shape.gated and not choices.source:
        if choices.secret is None:
            yield f"{shape.source} is gated: accept its licence on the hub and give --secret, the secret with your token"
        else:
            yield "the token will stand in the model's environment, which sagemaker:DescribeModel shows: S3 avoids that"
    if choices.role is None:
        yield f"no --role: {ROLE} of your account is used; options.role_policy and role_trust are what it needs"
    if size > parts.fit.instance.nvme_gb * 1e9 * 0.9:
        yield f"{size / 1e9:.0f} GB of weights hardly fit the {parts.fit.instance.nvme_gb} GB disk of the instance"
    if choices.kms and parts.fit.instance.nvme_gb:
        yield f"the disk of {parts.fit.instance.name} is encrypted by its own hardware key; KMS covers what else is stored"
    yield from _scaling_warnings(choices)
    if choices.ami and image.ami != choices.ami and image.cuda != (0, 0):
        yield f"--ami {choices.ami} is not {image.ami}, which the image's CUDA {image.cuda[0]}.{image.cuda[1]} needs"


def _scaling_warnings(choices: Choices) -> Iterator[str]:
    if choices.scale_on == "kv":
        yield (
            "scaling on KV use reads the CloudWatch metric LlamaAssistant/KVCacheUsage, which SageMaker does not publish: "
            "something must copy vllm:kv_cache_usage_perc there, in percent"
        )
    if choices.scale_min == 0 and not choices.async_output:
        yield "scaled to zero every request fails until a copy has started, which takes as long as the start-up"


def options_of(values: Mapping[str, Any]) -> Choices:
    """The choices a plan was made from, from its `options`."""
    made = dict(values["made_from"])
    return Choices.of(made.pop("model"), made)
