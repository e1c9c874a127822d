"""What the tests of apply, destroy and their commands share: plans, accounts, a poor container's log."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from aws_fleet import REGION
from aws_server import Aws

from deploy.account import Account
from deploy.plan import Plan
from deploy.waiting import Patience

TOKEN = "hf_abcdefghijklmnopqrstuvwxyz"
PROMPT = Patience(poll=0.001, limit=20)
POOR_LOG = [
    "INFO 11-24 19:00:00 [api_server.py:1] vLLM API server version 0.32.0",
    "ERROR 11-24 19:01:00 [core.py:1] EngineCore failed to start.",
    "ValueError: To serve at least one request with the model's max seq len (131072), (16.0 GiB KV cache is needed, which is "
    "larger than the available KV cache memory (0.63 GiB). Based on the available memory, the estimated maximum model length "
    "is 5120. Try increasing `gpu_memory_utilization` or decreasing `max_model_len` when initializing the engine.",
    "RuntimeError: Engine core initialization failed. See root cause above.",
]


def plan_of(**choices: Any) -> Plan:
    """A plan of 8B on a GPU of 24 GB, named `llama`; its weights come from a hub that cannot be reached."""
    made: dict[str, Any] = {"secret": "hub", "name": "llama", "environment": {"HF_ENDPOINT": "http://127.0.0.1:9"}}
    return Plan.make("meta-llama/Llama-3.1-8B-Instruct", **{**made, **choices})


def set_credentials(patch: pytest.MonkeyPatch, folder: Path) -> None:
    """Credentials of the tests' own; what has no server of theirs goes to a port where nobody listens."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        patch.delenv(name)
    values = {"ACCESS_KEY_ID": "AKIATEST", "SECRET_ACCESS_KEY": "secret-of-the-tests", "EC2_METADATA_DISABLED": "true"}
    values |= {"ENDPOINT_URL": "http://127.0.0.1:9", "CONFIG_FILE": str(folder / "config")}
    for name, value in {**values, "SHARED_CREDENTIALS_FILE": str(folder / "credentials")}.items():
        patch.setenv(f"AWS_{name}", value)


def make_ready(aws: Aws) -> None:
    """Empty the account, then what a user has before the first plan: role, image, token."""
    aws.reset()
    plan = plan_of()
    aws.ready(policy=plan.options["role_policy"])
    aws.image(plan.image)
    aws.client("secretsmanager").create_secret(Name="hub", SecretString=TOKEN)


def account_of(aws: Aws) -> Account:
    """The account behind the server; one, as making its clients takes longer than the calls."""
    return _account(aws.url)


@cache
def _account(url: str) -> Account:
    return Account(REGION, endpoint_url=url)


def told(lines: list[str], *parts: str) -> int:
    """How many lines hold every one of `parts`."""
    return sum(all(part in line for part in parts) for line in lines)
