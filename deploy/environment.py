"""The environment that configures the container: vLLM's arguments as `SM_VLLM_*`, or as `OPTION_*` in LMI."""

from __future__ import annotations

import contextlib
import difflib
import importlib.util
import io
import json
import warnings
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from assistant.errors import ConfigurationError
from deploy.images import Kind

PREFIX: Mapping[Kind, str] = {"vllm": "SM_VLLM_", "lmi": "OPTION_"}
"""vLLM image: docs/vllm/configuration.md of aws/deep-learning-containers; LMI: docs.djl.ai, LMI vLLM user guide."""

ONE_TOKEN = ("allowed-origins", "allowed-methods", "allowed-headers", "middleware")
"""Arguments whose JSON array stays one token (scripts/docker/vllm/sagemaker_args.py of aws/deep-learning-containers)."""

LMI_OWN = ("async-mode", "entrypoint", "lmcache-auto-config", "model-id", "mpi-mode", "rolling-batch", "task")
"""Options of LMI itself, beside the engine's (docs.djl.ai, LMI configurations)."""


def spelled(arguments: Mapping[str, str], *, kind: Kind) -> dict[str, str]:
    """`arguments` of vLLM (`max-model-len`; underscores and leading dashes do as well) as variables of the container.

    Raises:
        ConfigurationError: vLLM has no such argument; the message names the nearest.
    """
    return {variable(name, kind=kind): value for name, value in arguments.items()}


def variable(name: str, *, kind: Kind) -> str:
    """The variable of the container for vLLM's argument `name`, as `SM_VLLM_MAX_MODEL_LEN` for `max-model-len`.

    Raises:
        ConfigurationError: vLLM has no such argument.
    """
    plain = argument(name)
    known = names() | set(LMI_OWN) if kind == "lmi" else names()
    if plain not in known:
        near = difflib.get_close_matches(plain, known, n=1, cutoff=0.0)[0]
        raise ConfigurationError(f"vLLM has no argument {name!r}; did you mean {near!r}?")
    return PREFIX[kind] + plain.upper().replace("-", "_")


def argument(name: str) -> str:
    """The bare name of an argument, however it is written: `SM_VLLM_MAX_NUM_SEQS`, `--max-num-seqs`, `max_num_seqs`."""
    for prefix in PREFIX.values():
        name = name.removeprefix(prefix)
    return name.lstrip("-").lower().replace("_", "-")


def command_line(environment: Mapping[str, str]) -> list[str]:
    """The arguments that the image makes of its variables (sagemaker_args.py): true a bare flag, false nothing, lists apart.

    LMI's `OPTION_*` are the same arguments; its own options are left out.
    """
    return [token for key in sorted(environment) for token in _tokens(key, environment[key])]


def check(environment: Mapping[str, str], *, by_engine: bool = False) -> None:
    """Refuse a variable that the container would not understand; `by_engine` asks vLLM's own parser where it is installed.

    The installed vLLM may be another version than the image's: its parser finds wrong values, the list wrong names.

    Raises:
        ConfigurationError: a misspelt name, or a value that vLLM refuses.
    """
    for key, value in environment.items():
        for kind, prefix in PREFIX.items():
            if key.startswith(prefix):
                _check_one(key, value, kind)
    if by_engine and importlib.util.find_spec("vllm") is not None:
        _ask_engine(command_line(environment))


@cache
def names() -> frozenset[str]:
    """Every long argument of vLLM 0.32's server; a test compares the list with the installed vLLM."""
    return frozenset(files("deploy").joinpath("vllm_arguments.txt").read_text(encoding="utf-8").split())


def _check_one(key: str, value: str, kind: Kind) -> None:
    variable(key, kind=kind)
    plain = argument(key)
    if value.strip().lower() == "false" and f"no-{plain}" in names():
        raise ConfigurationError(
            f"{key}=false is dropped by the image, which leaves vLLM's default: write {PREFIX[kind]}NO_"
            f"{plain.upper().replace('-', '_')}=true (--engine no-{plain}=true)"
        )


def _tokens(key: str, value: str) -> Iterator[str]:
    if not key.startswith(tuple(PREFIX.values())) or value.strip().lower() == "false":
        return
    plain = argument(key)
    if plain in LMI_OWN:
        return
    yield f"--{plain}"
    if value and value.strip().lower() != "true":
        yield from _values(plain, value)


def _values(plain: str, value: str) -> Iterator[str]:
    if plain not in ONE_TOKEN and value.strip().startswith("["):
        with contextlib.suppress(ValueError):
            parsed = json.loads(value)
            yield from (one if isinstance(one, str) else json.dumps(one, separators=(",", ":")) for one in parsed)
            return
    yield value


def _ask_engine(tokens: list[str]) -> None:
    """argparse exits on an error; its message goes to stderr."""
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
            _parser().parse_args(tokens)
    except SystemExit:
        message = said.getvalue().strip().rpartition("error: ")[2]
        raise ConfigurationError(f"vLLM refuses the environment of the plan: {message}") from None


@cache
def _parser() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torch, about itself
        from vllm.entrypoints.launchers.cli_args import make_arg_parser
        from vllm.utils.argparse_utils import FlexibleArgumentParser

        return make_arg_parser(FlexibleArgumentParser())  # type: ignore[no-untyped-call]
