"""The options of `assistant-deploy plan`: what each is called and what its help says."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from deploy.choices import SCALE_ON, STRATEGIES


def pairs(given: list[str] | None, option: str) -> dict[str, str]:
    """`["A=1", "B=2"]` as a mapping.

    Raises:
        typer.BadParameter: one of them has no `=`, or nothing before it.
    """
    found = {}
    for text in given or ():
        name, equals, value = text.partition("=")
        if not (name and equals):
            raise typer.BadParameter(f"{text!r} is not NAME=VALUE", param_hint=option)
        found[name] = value
    return found


def prices(given: list[str] | None) -> dict[str, float]:
    """`["ml.g5.2xlarge=1.5"]` as a mapping; the type may lack its `ml.`.

    Raises:
        typer.BadParameter: a price is not a number.
    """
    found = {}
    for name, value in pairs(given, "--price").items():
        try:
            found[name if name.startswith("ml.") else f"ml.{name}"] = float(value)
        except ValueError:
            raise typer.BadParameter(f"{value!r} is not a number", param_hint="--price") from None
    return found


def one_of(*known: str) -> Callable[[str], str]:
    """A callback that takes these words only."""

    def check(value: str) -> str:
        if value not in known:
            raise typer.BadParameter(f"{value!r} is not one of {', '.join(known)}")
        return value

    return check


Model = Annotated[
    str, typer.Option("--model", "-m", help="Name, size (8B), hub id, or folder with config.json.", metavar="M")
]
InstanceType = Annotated[
    str | None, typer.Option("--instance-type", "-i", help="Default: the smallest that holds it.", metavar="ml.T")
]
Context = Annotated[int | None, typer.Option(min=256, help="Tokens of question, passages and answer together.")]
Users = Annotated[int | None, typer.Option(min=1, help="Full contexts answered at once.")]
Region = Annotated[str, typer.Option(envvar=["AWS_REGION", "AWS_DEFAULT_REGION"], help="Where the endpoint runs.")]
Dtype = Annotated[str, typer.Option(help="auto, bfloat16, float16, fp8; int4 and int8 by a checkpoint made so.")]
Name = Annotated[str | None, typer.Option(help="Name of the endpoint (default: from the model).")]
Instances = Annotated[int, typer.Option(min=1, help="How many instances.")]
Container = Annotated[str, typer.Option(callback=one_of("vllm", "lmi"), help="vLLM's image or LMI: vllm or lmi.")]
Image = Annotated[str | None, typer.Option(help="Another image: URI in a private ECR of the region.", metavar="URI")]
Ami = Annotated[str | None, typer.Option(help="InferenceAmiVersion (default: fits the image's CUDA).")]
Role = Annotated[str | None, typer.Option(help="Execution role: ARN or name.")]
Secret = Annotated[str | None, typer.Option(help="Secret in Secrets Manager with the hub's token: name or ARN.")]
Source = Annotated[str | None, typer.Option(help="Uncompressed model in S3 (default: the hub).", metavar="s3://…")]
Subnet = Annotated[list[str] | None, typer.Option("--subnet", help="Subnet of a VPC; repeat.", metavar="ID")]
SecurityGroup = Annotated[
    list[str] | None, typer.Option("--security-group", help="Security group in the VPC; repeat.", metavar="ID")
]
Kms = Annotated[str | None, typer.Option(help="KMS key for what is stored: id, alias or ARN.")]
Tag = Annotated[list[str] | None, typer.Option("--tag", help="Tag on everything; repeat.", metavar="K=V")]
Strategy = Annotated[
    str, typer.Option(callback=one_of(*STRATEGIES), help=f"How an update goes: {', '.join(STRATEGIES)}.")
]
ScaleMin = Annotated[int | None, typer.Option(min=0, help="Instances at least; 0: none while nobody asks.")]
ScaleMax = Annotated[int | None, typer.Option(min=1, help="Instances at most; turns autoscaling on.")]
ScaleOn = Annotated[str, typer.Option(callback=one_of(*SCALE_ON), help="What is tracked: requests or kv.")]
ScaleTarget = Annotated[float | None, typer.Option(help="Requests, or percent of KV cache, per instance.")]
AsyncOutput = Annotated[
    str | None, typer.Option(help="Asynchronous endpoint that answers into this prefix.", metavar="s3://…")
]
Components = Annotated[bool, typer.Option("--components", help="Inference components.")]
Adapter = Annotated[list[str] | None, typer.Option("--adapter", help="LoRA adapter; repeat.", metavar="NAME=s3://…")]
Price = Annotated[
    list[str] | None, typer.Option("--price", help="What an instance costs an hour; repeat.", metavar="TYPE=N")
]
Engine = Annotated[
    list[str] | None, typer.Option("--engine", "-e", help="Argument of vLLM; repeat.", metavar="NAME=VALUE")
]
Env = Annotated[list[str] | None, typer.Option("--env", help="Variable of the container; repeat.", metavar="K=V")]
Out = Annotated[Path | None, typer.Option("--out", "-o", help="Write the plan to this file, for `apply`.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else on stdout.")]
Before = Annotated[Path, typer.Argument(metavar="BEFORE", exists=True, dir_okay=False)]
After = Annotated[Path, typer.Argument(metavar="AFTER", exists=True, dir_okay=False)]
PlanFile = Annotated[Path, typer.Argument(metavar="PLAN", exists=True, dir_okay=False, help="File that --out wrote.")]
Profile = Annotated[str | None, typer.Option(help="Profile in AWS's configuration files.", metavar="NAME")]
Endpoint = Annotated[str, typer.Argument(metavar="NAME", help="Endpoint, or the plan file (….json) that made it.")]
MaybeEndpoint = Annotated[
    str | None, typer.Argument(metavar="NAME", help="Endpoint, or the plan file (….json) that made it.")
]
