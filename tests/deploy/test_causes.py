"""Every known reason why an endpoint does not come up, as AWS and the containers word it, has its cause and remedy."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest
from aws_setup import POOR_LOG, plan_of

from deploy.causes import explain, names
from deploy.waiting import facts_of

PING = "The primary container for production variant main did not pass the ping health check. Please check CloudWatch logs."

REASONS = [
    (
        "quota",
        "ResourceLimitExceeded: The account-level service limit 'ml.g5.2xlarge for endpoint usage' is 0 Instances, with "
        "current utilization of 0 Instances and a request delta of 1 Instances.",
    ),
    ("capacity", "Unable to provision requested ML compute capacity due to InsufficientInstanceCapacity error."),
    ("image-start", "CannotStartContainerError. Please ensure the model container for variant main starts correctly."),
    ("start-timeout", PING),
    ("licence", "You must accept the EULA of the model: set AcceptEula in ModelAccessConfig"),
    (
        "image-region",
        "The ECR image 1.dkr.ecr.us-west-2.amazonaws.com/vllm:x is not in the same region as the endpoint",
    ),
    ("image", "Requested image 763104351884.dkr.ecr.us-east-1.amazonaws.com/vllm:none not found."),
    ("role", "Could not assume role arn:aws:iam::1:role/x. Please ensure that the role exists and allows principal"),
    ("s3", "Could not access model data at s3://bucket/llama/. Please ensure that the role has permission"),
    ("subnet", "The subnet has insufficient IP addresses"),
    ("kms", "KMS key access denied: User is not authorized to perform: kms:CreateGrant"),
    ("download-timeout", "Model data download timed out after 3600 seconds"),
    ("rolled-back", "Deployment was rolled back because alarm llama-errors was triggered"),
    ("execution-timeout", "The deployment exceeded MaximumExecutionTimeoutInSeconds"),
    ("component-resources", "There are not enough hardware resources on the instances for the inference component"),
    ("internal", "Request to service failed. InternalServerError: we encountered an internal error"),
]

LINES = [
    (
        "token",
        "huggingface_hub.errors.GatedRepoError: 401 Client Error. Cannot access gated repo for url https://huggingface.co/…",
    ),
    ("licence", "Access to model meta-llama/Llama-3.1-8B is restricted and you are not in the authorized list."),
    ("model-name", "OSError: meta-llama/Lama is not a local folder and is not a valid model identifier"),
    ("kv-cache", POOR_LOG[2]),
    ("kv-cache", "ValueError: No available memory for the cache blocks. Try increasing `gpu_memory_utilization`"),
    ("gpu-memory", "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 1.96 GiB."),
    (
        "gpu-memory",
        "Free memory on device cuda:0 (1.1/22.0 GiB) on startup is less than desired GPU memory utilization (0.9, 19 GiB)",
    ),
    ("host-memory", "Worker exited with code 137"),
    ("disk", "OSError: [Errno 28] No space left on device"),
    (
        "tensor-parallel",
        "ValueError: Total number of attention heads (32) must be divisible by tensor parallel size (5).",
    ),
    ("tensor-parallel", "World size (8) is larger than the number of available GPUs (1) in this node."),
    ("context", "User-specified max_model_len (200000) is greater than the derived max_model_len (131072)"),
    ("dtype", "ValueError: Bfloat16 is only supported on GPUs with compute capability of at least 8.0."),
    ("driver", "CUDA driver version is insufficient for CUDA runtime version"),
    ("driver", "nvidia-container-cli: requirement error: unsatisfied condition: cuda>=13.0"),
    ("argument", "api_server.py: error: unrecognized arguments: --max-modle-len 4096"),
    ("architecture", "ValueError: Model architectures ['Llama9ForCausalLM'] are not supported for now."),
    ("weights", "RuntimeError: Cannot find any model weights with `/opt/ml/model`"),
    ("network", "OSError: We couldn't connect to 'https://huggingface.co' to load the files"),
    ("adapter", "ValueError: LoRA rank 64 is greater than max_lora_rank 16."),
]

IN_VLLM = {
    "v1/core/kv_cache_utils.py": [
        "larger than the available KV cache",
        "estimated maximum model length is",
        "No available memory",
    ],
    "v1/worker/utils.py": ["Free memory on device", "is less than desired GPU memory utilization"],
    "config/model.py": ["Total number of attention heads", "must be divisible by tensor parallel size", "is greater"],
    "config/parallel.py": ["is larger than the number of "],
    "platforms/cuda.py": ["Bfloat16 is only supported on GPUs "],
}


@pytest.mark.parametrize(("name", "reason"), REASONS)
def test_a_reason_of_aws_has_its_cause(name: str, reason: str) -> None:
    cause = explain(reason, ["INFO starting"], facts=facts_of(plan_of()))

    assert cause is not None
    assert name == cause.name
    assert cause.text
    assert cause.remedy
    assert "not known" not in str(cause)


@pytest.mark.parametrize(("name", "line"), LINES)
def test_a_line_of_the_log_decides_before_the_reason(name: str, line: str) -> None:
    cause = explain(PING, ["INFO starting", line, "RuntimeError: Engine core initialization failed."])

    assert cause is not None
    assert name == cause.name
    assert line.split()[0] in cause.quote


def test_every_cause_of_the_table_is_shown_by_a_reason_or_a_line() -> None:
    shown = {name for name, _ in (*REASONS, *LINES)}

    assert {"no-log"} == set(names()) - shown


def test_no_log_at_all_points_to_the_driver() -> None:
    silent, unread, loud = (explain(PING, log) for log in ([], None, ["INFO starting"]))

    assert ("no-log", "start-timeout", "start-timeout") == tuple(one.name for one in (silent, unread, loud) if one)
    assert silent
    assert "InferenceAmiVersion" in silent.text


def test_the_remedy_has_the_figures_of_the_plan_and_of_the_log() -> None:
    cause = explain(PING, POOR_LOG, facts=facts_of(plan_of(context=4096)))

    assert cause is not None
    assert "max_model_len 4096" in cause.text
    assert "5120" in cause.remedy


def test_the_first_error_decides_not_those_it_makes() -> None:
    cause = explain(PING, ["401 Client Error: Unauthorized for url", "MemoryError"])

    assert cause is not None
    assert "token" == cause.name


def test_an_unknown_reason_has_no_cause() -> None:
    assert explain("the moon is full", ["INFO all is well"]) is None
    assert explain("", []) is None


@pytest.mark.skipif(find_spec("vllm") is None, reason="vLLM is not installed")
@pytest.mark.parametrize("path", IN_VLLM)
def test_vllm_still_words_it_so(path: str) -> None:
    found = find_spec("vllm")
    assert found is not None
    assert found.submodule_search_locations
    source = (Path(found.submodule_search_locations[0]) / path).read_text(encoding="utf-8")

    assert [] == [text for text in IN_VLLM[path] if text not in source]
