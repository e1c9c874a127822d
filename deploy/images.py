"""Which container image runs in a region, and the `InferenceAmiVersion` whose driver can start it."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Literal

from assistant.errors import ConfigurationError

Kind = Literal["vllm", "lmi"]

ECR = re.compile(r"(?P<account>\d{12})\.dkr\.ecr\.(?P<region>[a-z0-9-]+)\.(?P<suffix>[a-z0-9.-]+)/(?P<tag>\S+:\S+)")
"""An image of a private registry; images of the public gallery cannot back an endpoint."""

CUDA_TAG = re.compile(r"-cu(\d\d)(\d)(?!\d)")
"""`-cu130` in a tag says CUDA 13.0."""


@dataclass(frozen=True, slots=True)
class Image:
    """A container image; `kind` says how it is configured, `vllm` its version where it is published."""

    uri: str
    kind: Kind
    cuda: tuple[int, int]
    vllm: str | None = None

    @property
    def ami(self) -> str:
        """The `InferenceAmiVersion` of the oldest driver that runs the image's CUDA."""
        return ami_for(self.cuda)


def image_for(region: str, *, kind: Kind = "vllm") -> Image:
    """The newest known image of `kind` that `region` has.

    Raises:
        ConfigurationError: the region is not known, or has no such image.
    """
    account = _account(region)
    for row in _table()["images"]:
        if row["kind"] == kind and region not in row["absent"]:
            uri = f"{account}.dkr.ecr.{region}.{_by_region('suffixes', region, 'amazonaws.com')}/{row['tag']}"
            return Image(uri, kind, (row["cuda"][0], row["cuda"][1]), row.get("vllm"))
    raise ConfigurationError(f"region {region!r} has no {kind} image: give --image, or take another region")


def image_from(uri: str, *, region: str, kind: Kind | None = None, ami: str | None = None) -> tuple[Image, str]:
    """The image that `uri` names and the AMI for it; `kind` and `ami` where its tag does not tell.

    Raises:
        ConfigurationError: it is in another region or a public gallery, or its CUDA is not known and no AMI was given.
    """
    match = ECR.fullmatch(uri)
    if match is None:
        raise ConfigurationError(
            f"image {uri!r} is not ACCOUNT.dkr.ecr.REGION.amazonaws.com/NAME:TAG: SageMaker pulls from private ECR only"
        )
    if match["region"] != region:
        raise ConfigurationError(
            f"image {uri!r} is in {match['region']}, the endpoint in {region}: they must be the same"
        )
    kind = kind or ("lmi" if match["tag"].startswith("djl-inference:") else "vllm")
    known = {row["tag"]: row for row in _table()["images"]}.get(match["tag"], {})
    if numbers := known.get("cuda") or _cuda_of(match["tag"]):
        image = Image(uri, kind, (numbers[0], numbers[1]), known.get("vllm"))
        return image, ami or image.ami
    if ami is None:
        raise ConfigurationError(
            f"image {uri!r}: its tag does not say which CUDA it has, and a wrong driver leaves the endpoint in Creating "
            f"without a log: give --ami, one of {', '.join(amis())}"
        )
    return Image(uri, kind, amis().get(ami, (0, 0))), ami


def ami_for(cuda: tuple[int, int]) -> str:
    """The AMI of the oldest driver that is not older than `cuda`.

    Raises:
        ConfigurationError: no AMI is new enough; the endpoint would stay in Creating.
    """
    for name, brings in amis().items():
        if brings >= cuda:
            return name
    raise ConfigurationError(f"no InferenceAmiVersion runs CUDA {cuda[0]}.{cuda[1]}: take an image of an older CUDA")


@cache
def amis() -> Mapping[str, tuple[int, int]]:
    """`InferenceAmiVersion` and the CUDA it brings, oldest first."""
    return {row["name"]: (row["cuda"][0], row["cuda"][1]) for row in _table()["amis"]}


def partition(region: str) -> str:
    """The partition of the region's ARNs: `aws`, `aws-cn`, …"""
    return _by_region("partitions", region, "aws")


def regions() -> list[str]:
    """The regions with a known registry."""
    return sorted(region for found in _table()["accounts"].values() for region in found)


def _account(region: str) -> str:
    for account, found in _table()["accounts"].items():
        if region in found:
            return str(account)
    raise ConfigurationError(f"region {region!r} has no registry in the table; known: {', '.join(regions())}")


def _cuda_of(tag: str) -> tuple[int, int] | None:
    match = CUDA_TAG.search(tag)
    return (int(match[1]), int(match[2])) if match else None


def _by_region(table: str, region: str, default: str) -> str:
    found: Mapping[str, str] = _table()[table]
    return next((value for start, value in found.items() if region.startswith(start)), default)


@cache
def _table() -> dict[str, Any]:
    return tomllib.loads(files("deploy").joinpath("images.toml").read_text(encoding="utf-8"))
