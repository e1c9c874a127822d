from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Mapping
from importlib.metadata import distribution
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from botocore.session import get_session  # type: ignore[import-untyped]

from assistant.errors import ConfigurationError
from deploy import images, instances

SAGEMAKER = get_session().get_service_model("sagemaker")


def wheel(name: str) -> Any:
    """A table of the sagemaker-core wheel, read as a file: the package itself needs more than is installed."""
    path = distribution("sagemaker-core").locate_file(f"sagemaker/core/image_uri_config/{name}.json")
    return json.loads(Path(str(path)).read_text(encoding="utf-8"))


def rows() -> Iterator[Mapping[str, Any]]:
    yield from images._table()["images"]


def test_every_instance_is_one_that_an_endpoint_may_have() -> None:
    known = set(SAGEMAKER.shape_for("ProductionVariantInstanceType").enum)
    assert set() == {one.name for one in instances.instances()} - known


def test_every_gpu_instance_of_an_endpoint_is_in_the_table_or_refused() -> None:
    known = {one.name for one in instances.instances()}
    for name in SAGEMAKER.shape_for("ProductionVariantInstanceType").enum:
        if name.split(".")[1].startswith(("g4", "g5", "g6", "g7", "p")) and name not in known:
            with pytest.raises(ConfigurationError, match="cannot serve"):
                instances.find(name)


def test_gpus_and_memory_are_what_ec2_states() -> None:
    spec = find_spec("moto")
    assert spec is not None
    assert spec.origin is not None
    with gzip.open(Path(spec.origin).parent / "ec2/resources/instance_types.json.gz") as file:
        ec2 = json.load(file)
    for one in instances.instances():
        if (stated := ec2.get(one.name.removeprefix("ml."), {}).get("GpuInfo")) is not None:
            assert stated["Gpus"][0]["Count"] == one.gpus
            assert stated["TotalGpuMemoryInMiB"] * instances.MIB == one.total_bytes


def test_no_instance_has_more_gpu_memory_than_sagemaker_states() -> None:
    stated = {name: figures for region in wheel("instance_gpu_info").values() for name, figures in region.items()}
    for one in instances.instances():
        if one.name in stated:
            assert stated[one.name]["Count"] == one.gpus
            assert stated[one.name]["TotalGpuMemoryInMiB"] * instances.MIB >= one.total_bytes


def test_instances_stand_in_order_of_their_memory() -> None:
    sizes = [one.total_bytes for one in instances.instances()]
    assert sorted(sizes) == sizes


def test_a_type_may_lack_its_prefix() -> None:
    assert "ml.g5.2xlarge" == instances.find("g5.2xlarge").name


@pytest.mark.parametrize("row", list(rows()), ids=lambda row: row["tag"])
def test_tags_and_accounts_are_those_of_the_wheel(row: Mapping[str, Any]) -> None:
    name, number = row["source"]
    table = wheel(name)
    found = table["versions"][number]
    tag = f"{found['repository']}:{found['tag_prefix']}"
    if "container_version" in found:
        tag += f"-{found['container_version']['gpu']}"
    assert tag == row["tag"]
    assert set(found["registries"]) == set(images.regions()) - set(row["absent"])
    for region, account in found["registries"].items():
        assert account == images._account(region)


@pytest.mark.parametrize("region", images.regions())
def test_every_region_has_an_image_in_its_own_registry(region: str) -> None:
    image = images.image_for(region)
    match = images.ECR.fullmatch(image.uri)
    assert match is not None
    assert (region, images._account(region)) == (match["region"], match["account"])


def test_the_registry_of_another_partition_has_its_suffix() -> None:
    assert ".dkr.ecr.cn-north-1.amazonaws.com.cn/vllm:" in images.image_for("cn-north-1").uri
    assert "aws-cn" == images.partition("cn-north-1")


def test_the_amis_are_the_gpu_amis_of_the_api() -> None:
    known = set(SAGEMAKER.shape_for("ProductionVariantInferenceAmiVersion").enum)
    assert set(images.amis()) <= known
    text = SAGEMAKER.shape_for("ProductionVariant").members["InferenceAmiVersion"].documentation
    for name, (major, minor) in images.amis().items():
        assert f"CUDA version: {major}.{minor}" in text.split(f"<dt>{name}</dt>")[1]


@pytest.mark.parametrize(
    ("cuda", "ami"),
    [
        ((12, 2), "al2-ami-sagemaker-inference-gpu-2-1"),
        ((12, 4), "al2-ami-sagemaker-inference-gpu-3-1"),
        ((12, 9), "al2023-ami-sagemaker-inference-gpu-4-1"),
        ((13, 0), "al2023-ami-sagemaker-inference-gpu-4-1"),
    ],
)
def test_an_image_gets_the_oldest_driver_that_runs_its_cuda(cuda: tuple[int, int], ami: str) -> None:
    assert ami == images.ami_for(cuda)


def test_a_cuda_that_no_driver_runs_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"CUDA 14\.0"):
        images.ami_for((14, 0))


def test_every_image_of_the_table_has_a_driver() -> None:
    assert {"al2023-ami-sagemaker-inference-gpu-4-1"} == {images.ami_for(tuple(row["cuda"])) for row in rows()}


LMI = "763104351884.dkr.ecr.us-east-1.amazonaws.com/djl-inference:0.31.0-lmi13.0.0-cu124"
OWN = "123456789012.dkr.ecr.us-east-1.amazonaws.com/mine:1"


def test_the_tag_of_an_image_tells_its_kind_and_driver() -> None:
    image, ami = images.image_from(LMI, region="us-east-1")
    assert ("lmi", (12, 4), "al2-ami-sagemaker-inference-gpu-3-1") == (image.kind, image.cuda, ami)


def test_an_image_that_does_not_tell_its_cuda_needs_an_ami() -> None:
    with pytest.raises(ConfigurationError, match="give --ami"):
        images.image_from(OWN, region="us-east-1")
    assert (
        "al2-ami-sagemaker-inference-gpu-3-1"
        == images.image_from(OWN, region="us-east-1", ami="al2-ami-sagemaker-inference-gpu-3-1")[1]
    )


def test_an_image_of_another_region_or_of_the_public_gallery_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="must be the same"):
        images.image_from(OWN, region="eu-west-1")
    with pytest.raises(ConfigurationError, match="private ECR only"):
        images.image_from("public.ecr.aws/deep-learning-containers/vllm:server-cuda-v2", region="us-east-1")


def test_an_unknown_region_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigurationError, match="eu-west-1"):
        images.image_for("eu-west-9")
