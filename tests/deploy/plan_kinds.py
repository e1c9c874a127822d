"""The kinds of endpoint a plan can make, by the choices that make them."""

from __future__ import annotations

from typing import Any

ROLE = "arn:aws:iam::123456789012:role/serving"
ZERO: dict[str, Any] = {"scale_min": 0, "scale_max": 2}
VPC: dict[str, Any] = {"subnets": ("subnet-0123abcd",), "security_groups": ("sg-0123abcd",)}

KINDS: dict[str, dict[str, Any]] = {
    "plain": {},
    "from S3": {"source": "s3://bucket/llama"},
    "in a VPC": {**VPC, "kms": "alias/mine"},
    "scaled": {"scale_min": 1, "scale_max": 4, "strategy": "rolling"},
    "on KV use": {"scale_max": 4, "scale_on": "kv", "scale_target": 60},
    "to zero": ZERO,
    "with adapters": {"adapters": {"legal": "s3://bucket/legal.tar.gz"}, "secret": "hub/token"},
    "asynchronous": {"async_output": "s3://bucket/answers/", **ZERO, "kms": "alias/mine"},
    "canary": {"instances": 2, "strategy": "canary"},
    "linear": {"instances": 4, "strategy": "linear"},
    "LMI": {"container": "lmi"},
    "in China": {"region": "cn-north-1"},
}
