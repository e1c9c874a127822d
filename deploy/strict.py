"""Check a call offline against the service model that ships with botocore: what AWS would refuse is refused here.

boto3 itself checks what is required, unknown, of the wrong type or below a minimum; enumerations, patterns and maxima
stand in the same model and are left to the service, minutes later.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

import regex  # the patterns use \p{L} and \p{Print}, which the standard library does not know

from assistant.errors import ConfigurationError


def check(service: str, operation: str, parameters: Mapping[str, Any]) -> None:
    """Refuse keyword arguments that the service would refuse.

    `service` is boto3's client name, `operation` the method in snake_case.

    Raises:
        ConfigurationError: with every fault, each by its path.
    """
    if found := faults(service, operation, parameters):
        raise ConfigurationError(f"{service}.{operation} would be refused: " + "; ".join(found))


def faults(service: str, operation: str, parameters: Mapping[str, Any]) -> list[str]:
    """What is wrong with the arguments, one line a fault, such as `.Tags[0].Key: 129 characters, at most 128`."""
    shape = _input(service, operation)
    if shape is None:
        return [f"{service} has no operation {operation!r}"]
    return [*_by_botocore(shape, parameters), *_walk(shape, dict(parameters), "")]


def check_shape(service: str, shape: str, value: Mapping[str, Any]) -> None:
    """The same for a structure that is only part of a call, such as `DeploymentConfig`.

    Raises:
        ConfigurationError: with every fault.
    """
    model = _model(service).shape_for(shape)
    if found := [*_by_botocore(model, value), *_walk(model, dict(value), "")]:
        raise ConfigurationError(f"{shape} of {service} would be refused: " + "; ".join(found))


@cache
def _model(service: str) -> Any:
    from botocore.session import get_session  # type: ignore[import-untyped]

    return get_session().get_service_model(service)


@cache
def _input(service: str, operation: str) -> Any:
    from botocore import xform_name  # type: ignore[import-untyped]
    from botocore.exceptions import UnknownServiceError  # type: ignore[import-untyped]

    try:
        model = _model(service)
    except UnknownServiceError:
        return None
    names = {xform_name(name): name for name in model.operation_names}
    return model.operation_model(names[operation]).input_shape if operation in names else None


def _by_botocore(shape: Any, parameters: Mapping[str, Any]) -> list[str]:
    from botocore.validate import ParamValidator  # type: ignore[import-untyped]

    report = ParamValidator().validate(dict(parameters), shape)
    return report.generate_report().splitlines() if report.has_errors() else []


def _walk(shape: Any, value: Any, path: str) -> Iterator[str]:
    """Enumerations, patterns and maxima; what has another type is botocore's to report."""
    kind, limits = shape.type_name, shape.metadata
    if kind == "structure" and isinstance(value, Mapping):
        for key, inner in value.items():
            if key in shape.members:
                yield from _walk(shape.members[key], inner, f"{path}.{key}")
    elif kind == "list" and isinstance(value, Sequence) and not isinstance(value, str):
        yield from _too_many(len(value), limits, path, "items")
        for number, inner in enumerate(value):
            yield from _walk(shape.member, inner, f"{path}[{number}]")
    elif kind == "map" and isinstance(value, Mapping):
        yield from _too_many(len(value), limits, path, "entries")
        for key, inner in value.items():
            yield from _walk(shape.key, key, f"{path}{{{key}}}")
            yield from _walk(shape.value, inner, f"{path}[{key}]")
    else:
        yield from _scalar(shape, value, path)


def _scalar(shape: Any, value: Any, path: str) -> Iterator[str]:
    limits = shape.metadata
    if isinstance(value, str):
        yield from _too_many(len(value), limits, path, "characters")
        if (choices := getattr(shape, "enum", None)) and value not in choices:
            yield f"{path}: {value!r} is not one of {shape.name}"
        if (pattern := limits.get("pattern")) and not _matches(pattern, value):
            yield f"{path}: {value!r} does not match {pattern}"
    elif isinstance(value, int | float) and "max" in limits and value > limits["max"]:
        yield f"{path}: {value} is above {limits['max']}"


def _too_many(count: int, limits: Mapping[str, Any], path: str, what: str) -> Iterator[str]:
    if "max" in limits and count > limits["max"]:
        yield f"{path}: {count} {what}, at most {limits['max']}"


def _matches(pattern: str, value: str) -> bool:
    """Java's patterns; one that names surrogate pairs, which Python has no strings of, is not checked."""
    try:
        return _compiled(pattern).fullmatch(value) is not None
    except regex.error:
        return True


@cache
def _compiled(pattern: str) -> Any:
    return regex.compile(pattern)
