"""What the container of a plan is told: where the weights are, and the arguments of vLLM that the arithmetic decided."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from assistant.errors import ConfigurationError
from deploy.choices import Choices
from deploy.environment import PREFIX, argument, check, spelled
from deploy.fitting import Fit
from deploy.images import Image
from deploy.memory import SEQUENCES, UTILIZATION, Load, batched_tokens
from deploy.shape import Shape

MOUNT = "/opt/ml/model"
"""Where SageMaker puts what it downloads from S3."""

OURS = (
    "data-parallel-size",
    "dtype",
    "gpu-memory-utilization",
    "kv-cache-dtype",
    "max-model-len",
    "model",
    "pipeline-parallel-size",
    "quantization",
    "tensor-parallel-size",
)
"""Arguments that the arithmetic decides, or that would make it wrong; nobody sets them behind its back."""

TOKENS = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN")
"""Variables that must not be given as text: a plan is a file that people pass on."""

GRAMMAR = '{"backend":"xgrammar","disable_any_whitespace":true}'
"""As the engine in process has it: a small model that may write white space for ever does."""

PREFIXES = tuple(PREFIX.values())


def given_arguments(choices: Choices) -> dict[str, str]:
    """The arguments of vLLM that were given, also those spelled as variables of the container, by their bare names.

    Raises:
        ConfigurationError: one that the arithmetic decides, or a token or key in plain text.
    """
    variables = {key: value for key, value in choices.environment.items() if key.startswith(PREFIXES)}
    given = {argument(name): value for name, value in (*choices.engine.items(), *variables.items())}
    if taken := next((name for name in OURS if name in given), None):
        raise ConfigurationError(
            f"engine argument {taken!r} is decided by the plan's arithmetic: use --context, --users, --dtype, "
            f"--source or --instance-type"
        )
    if "api-key" in given or any(key in choices.environment for key in TOKENS):
        raise ConfigurationError(
            "a token or key would stand readable in the plan: give --secret, the name of a secret in Secrets Manager "
            "that holds the hub's token; callers of the endpoint are checked by IAM and need no key"
        )
    return given


def load_of(choices: Choices, given: Mapping[str, str]) -> Load:
    """What the arithmetic must make room for: `max-num-seqs` and `max-num-batched-tokens` as given, and the adapters.

    Raises:
        ConfigurationError: one of them is not a number.
    """
    numbers = {}
    for name in ("max-num-seqs", "max-num-batched-tokens"):
        value = given.get(name, "0")
        if not value.isdecimal():
            raise ConfigurationError(f"engine argument {name!r} must be a whole number, and is {value!r}")
        numbers[name] = int(value)
    users = -(-(choices.users or 1) // choices.instances)
    sequences = numbers["max-num-seqs"] or max(SEQUENCES, users)
    return Load(sequences, numbers["max-num-batched-tokens"] or None, len(choices.adapters))


def environment_of(
    choices: Choices, given: Mapping[str, str], shape: Shape, fitted: Fit, image: Image
) -> dict[str, str]:
    """The whole environment, checked; where arguments were given and vLLM is installed, by vLLM's own parser too.

    Raises:
        ConfigurationError: a misspelt argument, a value that vLLM refuses, or no place for the weights.
    """
    arguments = {**dict(_arguments(choices, shape, fitted)), **given}
    own = {}
    if image.kind == "lmi":  # which has its own word for it
        own = {"TENSOR_PARALLEL_DEGREE": arguments.pop("tensor-parallel-size")}
    if choices.adapters:
        own["VLLM_ALLOW_RUNTIME_LORA_UPDATING"] = "true"
    others = {key: value for key, value in choices.environment.items() if not key.startswith(PREFIXES)}
    environment = {**_weights(choices, shape, image), **own, **spelled(arguments, kind=image.kind), **others}
    check(environment, by_engine=bool(given))
    return environment


def _weights(choices: Choices, shape: Shape, image: Image) -> dict[str, str]:
    """Where the weights are, and the token that opens them: a text that names the secret, never the secret."""
    if choices.source:
        where = MOUNT
    elif shape.source:
        where = shape.source
    elif "HF_MODEL_ID" in choices.environment:
        return {}
    else:
        raise ConfigurationError(
            f"{choices.model!r} tells the model's figures, not where an endpoint finds its weights: "
            f"give --source s3://… with the uncompressed model"
        )
    token = {"HF_TOKEN": "{{resolve:secretsmanager:" + choices.secret + ":SecretString}}"} if choices.secret else {}
    return {"HF_MODEL_ID" if image.kind == "lmi" else "SM_VLLM_MODEL": where, **token}


def _arguments(choices: Choices, shape: Shape, fitted: Fit) -> Iterator[tuple[str, str]]:
    yield "tensor-parallel-size", str(fitted.tensor_parallel)
    yield "max-model-len", str(fitted.max_model_len)
    yield "gpu-memory-utilization", str(UTILIZATION)
    yield "max-num-batched-tokens", str(batched_tokens(fitted.instance))
    yield "max-num-seqs", str(load_of(choices, {}).sequences)
    yield "dtype", "auto" if shape.quantized else ("bfloat16" if fitted.dtype == "fp8" else fitted.dtype)
    if fitted.dtype == "fp8" and not shape.quantized:
        yield "quantization", "fp8"
    yield "structured-outputs-config", GRAMMAR
    if shape.model.tool_format:
        yield "enable-auto-tool-choice", "true"
        yield "tool-call-parser", shape.model.tool_format
    if choices.adapters:
        yield "enable-lora", "true"
        yield "max-loras", str(len(choices.adapters))
