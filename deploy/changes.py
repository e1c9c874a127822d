"""What differs between a plan and what runs: the model, the fleet's configuration, or neither."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, Self

from assistant.errors import AssistantError, ConfigurationError
from deploy.account import Account
from deploy.calls import ACCOUNT, POLICY, SECRET, Call
from deploy.live import Live, same
from deploy.plan import Plan


@dataclass(frozen=True, slots=True)
class Changes:
    """Whether a new model and a new endpoint config are needed; `model_name` is that which runs in the end."""

    model: bool
    config: bool
    model_name: str

    @property
    def fleet(self) -> bool:
        """Whether instances or containers change, which takes minutes and quota."""
        return self.model or self.config

    @classmethod
    def between(cls, plan: Plan, live: Live | None, account: Account) -> Self:
        """Of a plan and the endpoint of its name; raises what reading the secret raises."""
        wanted = call_of(plan, "create_model")
        name = str(wanted.parameters["ModelName"])
        if live is None:
            return cls(model=True, config=True, model_name=name)
        config = resolved(call_of(plan, "create_endpoint_config"), account).parameters
        new_config = not same(_bare_config(config), live.config)
        model = _bare(resolved(wanted, account, secrets=_held(live)).parameters, "ModelName")
        new_model = not same(model, live.model)
        in_variant = "ModelName" in config["ProductionVariants"][0]
        if in_variant:  # the config names the model, so one cannot be new without the other
            new_model = new_config = new_model or new_config
        return cls(new_model, new_config, name if new_model else live.model_name or name)


def call_of(plan: Plan, operation: str) -> Call:
    """The first call of `operation`."""
    return next(call for call in plan.calls if call.operation == operation)


def _held(live: Live) -> Callable[[str], str]:
    """In the place of a secret what the running model holds: a new token alone is no new version, as the digest names it."""
    environment: Mapping[str, str] = live.model.get("PrimaryContainer", {}).get("Environment", {})
    return lambda _: environment.get("HF_TOKEN", "")


def renewed(plan: Plan, live: Live, account: Account) -> str | None:
    """What to do where the secret holds another token than the running model; None also where it cannot be read."""
    held = _held(live)("")
    try:
        given = resolved(call_of(plan, "create_model"), account).parameters["PrimaryContainer"]["Environment"]
    except AssistantError:
        return None
    if not held or given.get("HF_TOKEN", held) == held:
        return None
    return (
        "the secret holds another token than the running model: instances that start later use the old one; plan with "
        "another --env, such as TOKEN_RENEWED=2, and apply: that makes a new version with the new token"
    )


def resolved(
    call: Call,
    account: Account,
    *,
    policies: Mapping[str, str] | None = None,
    secrets: Callable[[str], str] | None = None,
) -> Call:
    """The call with everything in place that a plan cannot know: account, secret, ARNs of scaling policies.

    `secrets` gives the text of a secret in the place of Secrets Manager.

    Raises:
        ConfigurationError: the secret has no plain text.
        AssistantError: AWS does not give it.
    """

    def walk(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {key: walk(inner) for key, inner in value.items()}
        if isinstance(value, list | tuple):
            return [walk(inner) for inner in value]
        if not isinstance(value, str):
            return value
        if match := SECRET.fullmatch(value):
            return secrets(match[1]) if secrets else secret_text(account, match[1])
        if policies is not None and (match := POLICY.fullmatch(value)):
            return policies[match[1]]
        if value.startswith("arn:") and f"::{ACCOUNT}:" in value:
            return value.replace(ACCOUNT, account.identity.account)
        return value

    return Call(call.service, call.operation, walk(deepcopy(dict(call.parameters))))


def secret_text(account: Account, name: str) -> str:
    """The plain text of a secret.

    Raises:
        ConfigurationError: it is empty, binary, or a JSON object.
        AssistantError: AWS does not give it.
    """
    text = str(account.call("secretsmanager", "get_secret_value", SecretId=name).get("SecretString") or "").strip()
    if not text or text.startswith("{"):
        raise ConfigurationError(
            f"secret {name!r} is {'a JSON object' if text else 'empty or binary'}: store the token of the hub alone, "
            f"as plain text (`aws secretsmanager put-secret-value --secret-id {name} --secret-string …`)"
        )
    return text


def _bare_config(parameters: Mapping[str, Any]) -> dict[str, Any]:
    found = _bare(parameters, "EndpointConfigName")
    found["ProductionVariants"] = [_bare(variant, "ModelName") for variant in parameters["ProductionVariants"]]
    return found


def _bare(parameters: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in parameters.items() if key not in (name, "Tags")}
