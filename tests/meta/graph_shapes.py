"""Bodies of calls are read by strict shapes: what is missing, unknown or too long is refused as Meta does."""

from __future__ import annotations

from typing import Annotated, Any, TypeVar

from graph_refusal import Refusal, invalid, whatsapp
from pydantic import BaseModel, ConfigDict, StringConstraints, TypeAdapter, ValidationError

Model = TypeVar("Model")


class Shape(BaseModel):
    """No field but those that are named, and no value of another type."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


UpTo20 = Annotated[str, StringConstraints(min_length=1, max_length=20)]
UpTo24 = Annotated[str, StringConstraints(min_length=1, max_length=24)]
UpTo30 = Annotated[str, StringConstraints(min_length=1, max_length=30)]
UpTo60 = Annotated[str, StringConstraints(min_length=1, max_length=60)]
UpTo64 = Annotated[str, StringConstraints(min_length=1, max_length=64)]
UpTo72 = Annotated[str, StringConstraints(min_length=1, max_length=72)]
UpTo80 = Annotated[str, StringConstraints(min_length=1, max_length=80)]
UpTo100 = Annotated[str, StringConstraints(min_length=1, max_length=100)]
UpTo128 = Annotated[str, StringConstraints(min_length=1, max_length=128)]
UpTo200 = Annotated[str, StringConstraints(min_length=1, max_length=200)]
UpTo240 = Annotated[str, StringConstraints(min_length=1, max_length=240)]
UpTo256 = Annotated[str, StringConstraints(min_length=1, max_length=256)]
UpTo512 = Annotated[str, StringConstraints(min_length=1, max_length=512)]
UpTo640 = Annotated[str, StringConstraints(min_length=1, max_length=640)]
UpTo999 = Annotated[str, StringConstraints(min_length=1, max_length=999)]
UpTo1000 = Annotated[str, StringConstraints(min_length=1, max_length=1000)]
UpTo1024 = Annotated[str, StringConstraints(min_length=1, max_length=1024)]
UpTo2000 = Annotated[str, StringConstraints(min_length=1, max_length=2000)]
UpTo4096 = Annotated[str, StringConstraints(min_length=1, max_length=4096)]
Url = Annotated[str, StringConstraints(max_length=2048, pattern=r"^https?://")]
"""Strings of at least one character and at most so many."""


def read(shape: type[Model] | Any, body: Any, *, cloud_api: bool = False) -> Model:
    """The body as a `shape`; `cloud_api` has WhatsApp's own codes. Raises Refusal."""
    try:
        found: Model = TypeAdapter(shape).validate_python(body)
    except ValidationError as error:
        raise _refusal(error, cloud_api) from None
    return found


def _refusal(error: ValidationError, cloud_api: bool) -> Refusal:
    first = error.errors(include_url=False)[0]
    where = ".".join(str(part) for part in first["loc"]) or "body"
    said = f"{where}: {first['msg']}"
    if cloud_api and first["type"] == "missing":
        return whatsapp(131008, "Required parameter is missing", said)
    if cloud_api and first["type"] not in ("extra_forbidden", "string_too_long", "too_long"):
        return whatsapp(131009, "Parameter value is not valid", said)
    return invalid(f"Param {said}")
