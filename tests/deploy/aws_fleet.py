"""SageMaker's hosting as moto lacks it: states that take time, updates that are rolled back, inference components."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from moto.core.exceptions import ServiceException

from deploy.strict import faults

ACCOUNT, REGION = "123456789012", "us-east-1"
MOVING = ("Creating", "Updating", "RollingBack", "Deleting")


class Refusal(ServiceException):
    """An error of SageMaker: code and message."""


def invalid(message: str) -> Refusal:
    """A ValidationException."""
    return Refusal("ValidationException", message)


@dataclass
class Fleet:
    """Models, endpoint configs, endpoints and inference components of one account in one region.

    Something that moves settles after `steps` looks at it; `failures` are reasons for which the next ones do not come up,
    `refusals` errors by operation, `quotas` instances by type, `calls` what was asked, in order.
    """

    say: Callable[[str, list[str]], None]
    alarm_exists: Callable[[str], bool]
    steps: int = 2
    age: timedelta = timedelta()
    models: dict[str, dict[str, Any]] = field(default_factory=dict)
    configs: dict[str, dict[str, Any]] = field(default_factory=dict)
    endpoints: dict[str, dict[str, Any]] = field(default_factory=dict)
    components: dict[str, dict[str, Any]] = field(default_factory=dict)
    tags: dict[str, dict[str, str]] = field(default_factory=dict)
    failures: deque[tuple[str, list[str]]] = field(default_factory=deque)
    refusals: dict[str, tuple[str, str]] = field(default_factory=dict)
    quotas: dict[str, int] = field(default_factory=dict)
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    later: dict[str, tuple[int, Callable[[], None]]] = field(default_factory=dict)

    def answer(self, operation: str, given: dict[str, Any]) -> dict[str, Any]:
        """What SageMaker answers, or its refusal."""
        self.calls.append((operation, given))
        if operation in self.refusals:
            raise Refusal(*self.refusals.pop(operation))
        if found := faults("sagemaker", operation, given):
            raise invalid("; ".join(found))
        answer: dict[str, Any] = getattr(self, operation)(**given) or {}
        return answer

    def names(self) -> list[str]:
        """Everything there is."""
        return [*self.models, *self.configs, *self.endpoints, *self.components]

    def operations(self, *starts: str) -> list[str]:
        """The operations asked for that begin so, in order."""
        return [name for name, _ in self.calls if name.startswith(starts)]

    def create_model(self, ModelName: str, **given: Any) -> dict[str, Any]:
        return {"ModelArn": self._new(self.models, "model", "Model", ModelName, given)["ModelArn"]}

    def describe_model(self, ModelName: str) -> dict[str, Any]:
        return _found(self.models, "model", ModelName)

    def delete_model(self, ModelName: str) -> None:
        _found(self.models, "model", ModelName)
        del self.models[ModelName]

    def list_models(self, **given: Any) -> dict[str, Any]:
        return {"Models": _listed(self.models, given)}

    def create_endpoint_config(self, EndpointConfigName: str, **given: Any) -> dict[str, Any]:
        for variant in given["ProductionVariants"]:
            if "ModelName" in variant:
                _found(self.models, "model", variant["ModelName"])
        made = self._new(self.configs, "endpoint-config", "EndpointConfig", EndpointConfigName, given)
        return {"EndpointConfigArn": made["EndpointConfigArn"]}

    def describe_endpoint_config(self, EndpointConfigName: str) -> dict[str, Any]:
        return _found(self.configs, "endpoint configuration", EndpointConfigName)

    def delete_endpoint_config(self, EndpointConfigName: str) -> None:
        _found(self.configs, "endpoint configuration", EndpointConfigName)
        if any(one["EndpointConfigName"] == EndpointConfigName for one in self.endpoints.values()):
            raise invalid(f"endpoint configuration {EndpointConfigName} is in use")
        del self.configs[EndpointConfigName]

    def list_endpoint_configs(self, **given: Any) -> dict[str, Any]:
        return {"EndpointConfigs": _listed(self.configs, given)}

    def create_endpoint(self, EndpointName: str, EndpointConfigName: str, Tags: Any = ()) -> dict[str, Any]:
        config = _found(self.configs, "endpoint configuration", EndpointConfigName)
        self._within_quota(config)
        given = {"EndpointConfigName": EndpointConfigName, "Tags": Tags, "ProductionVariants": _variants(config)}
        made = self._new(self.endpoints, "endpoint", "Endpoint", EndpointName, given)
        made["EndpointStatus"] = "Creating"
        self._settle(made, "Endpoint", lambda: None)
        return {"EndpointArn": made["EndpointArn"]}

    def update_endpoint(self, EndpointName: str, EndpointConfigName: str, **given: Any) -> dict[str, Any]:
        found = _found(self.endpoints, "endpoint", EndpointName)
        config = _found(self.configs, "endpoint configuration", EndpointConfigName)
        if found["EndpointStatus"] != "InService":
            raise invalid(f"Cannot update in-progress endpoint {found['EndpointArn']!r}.")
        for alarm in given.get("DeploymentConfig", {}).get("AutoRollbackConfiguration", {}).get("Alarms", ()):
            if not self.alarm_exists(alarm["AlarmName"]):
                raise invalid(f"Could not find alarm {alarm['AlarmName']!r}.")
        before = [one["CurrentInstanceCount"] for one in found["ProductionVariants"]]

        def done() -> None:
            found.update(EndpointConfigName=EndpointConfigName, ProductionVariants=_variants(config))
            if given.get("RetainAllVariantProperties"):
                for variant, count in zip(found["ProductionVariants"], before, strict=True):
                    variant.update(CurrentInstanceCount=count, DesiredInstanceCount=count)

        found["EndpointStatus"] = "Updating"
        self._settle(found, "Endpoint", done)
        return {"EndpointArn": found["EndpointArn"]}

    def describe_endpoint(self, EndpointName: str) -> dict[str, Any]:
        found = _found(self.endpoints, "endpoint", EndpointName)
        self._tick(found["EndpointArn"])
        return _found(self.endpoints, "endpoint", EndpointName)

    def delete_endpoint(self, EndpointName: str) -> None:
        found = _found(self.endpoints, "endpoint", EndpointName)
        if found["EndpointStatus"] in MOVING:
            raise invalid(f"Cannot update in-progress endpoint {found['EndpointArn']!r}.")
        if any(one["EndpointName"] == EndpointName for one in self.components.values()):
            raise invalid(f"endpoint {EndpointName} still has inference components")
        found["EndpointStatus"] = "Deleting"
        self.later[found["EndpointArn"]] = (self.steps, lambda: self.endpoints.__delitem__(EndpointName))

    def list_endpoints(self, **given: Any) -> dict[str, Any]:
        return {"Endpoints": _listed(self.endpoints, given)}

    def create_inference_component(self, InferenceComponentName: str, **given: Any) -> dict[str, Any]:
        endpoint = _found(self.endpoints, "endpoint", given["EndpointName"])
        if endpoint["EndpointStatus"] != "InService":
            raise invalid(f"endpoint {endpoint['EndpointName']} is not in service")
        given["RuntimeConfig"] = _copies(given)
        made = self._new(self.components, "inference-component", "InferenceComponent", InferenceComponentName, given)
        made["InferenceComponentStatus"] = "Creating"
        self._settle(made, "InferenceComponent", lambda: None)
        return {"InferenceComponentArn": made["InferenceComponentArn"]}

    def update_inference_component(self, InferenceComponentName: str, **given: Any) -> dict[str, Any]:
        found = _found(self.components, "inference component", InferenceComponentName)
        found["InferenceComponentStatus"] = "Updating"
        runtime = _copies(given) if "RuntimeConfig" in given else found["RuntimeConfig"]
        update = {"Specification": given["Specification"], "RuntimeConfig": runtime}
        self._settle(found, "InferenceComponent", lambda: found.update(update))
        return {"InferenceComponentArn": found["InferenceComponentArn"]}

    def describe_inference_component(self, InferenceComponentName: str) -> dict[str, Any]:
        found = _found(self.components, "inference component", InferenceComponentName)
        self._tick(found["InferenceComponentArn"])
        return _found(self.components, "inference component", InferenceComponentName)

    def delete_inference_component(self, InferenceComponentName: str) -> None:
        found = _found(self.components, "inference component", InferenceComponentName)
        based = [
            one
            for one in self.components.values()
            if one["Specification"].get("BaseInferenceComponentName") == InferenceComponentName
        ]
        if based:
            raise invalid("adapters are loaded into it")
        found["InferenceComponentStatus"] = "Deleting"
        gone = (self.steps, lambda: self.components.__delitem__(InferenceComponentName))
        self.later[found["InferenceComponentArn"]] = gone

    def list_inference_components(self, EndpointNameEquals: str, **_: Any) -> dict[str, Any]:
        found = [one for one in self.components.values() if one["EndpointName"] == EndpointNameEquals]
        return {"InferenceComponents": found}

    def list_tags(self, ResourceArn: str) -> dict[str, Any]:
        return {"Tags": [{"Key": key, "Value": value} for key, value in self.tags.get(ResourceArn, {}).items()]}

    def add_tags(self, ResourceArn: str, Tags: list[dict[str, str]]) -> dict[str, Any]:
        self.tags.setdefault(ResourceArn, {}).update({tag["Key"]: tag["Value"] for tag in Tags})
        return {"Tags": Tags}

    def _new(self, place: dict[str, Any], kind: str, field: str, name: str, given: dict[str, Any]) -> dict[str, Any]:
        if name in place:
            raise invalid(f'Cannot create already existing {kind} "{name}".')
        arn, made = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:{kind}/{name}", datetime.now(UTC) - self.age
        self.tags[arn] = {tag["Key"]: tag["Value"] for tag in given.pop("Tags", ())}
        place[name] = {
            f"{field}Name": name,
            f"{field}Arn": arn,
            "CreationTime": made,
            "LastModifiedTime": made,
            **given,
        }
        found: dict[str, Any] = place[name]
        return found

    def _settle(self, found: dict[str, Any], kind: str, done: Callable[[], None]) -> None:
        """After some looks it is in service, or what the next of `failures` says."""
        arn, status, before = found[f"{kind}Arn"], f"{kind}Status", found[f"{kind}Status"]
        failure = self.failures.popleft() if self.failures else None
        found.pop("FailureReason", None)

        def ends() -> None:
            if failure is None:
                done()
                found[status] = "InService"
            elif before == "Creating":
                found.update({status: "Failed", "FailureReason": failure[0]})
            else:
                found[status] = "RollingBack"
                back = {status: "InService", "FailureReason": failure[0]}
                self.later[arn] = (self.steps, lambda: found.update(back))

        if failure is not None:
            group = "Endpoints" if kind == "Endpoint" else "InferenceComponents"
            self.say(f"/aws/sagemaker/{group}/{found[f'{kind}Name']}", failure[1])
        self.later[arn] = (self.steps, ends)

    def _tick(self, arn: str) -> None:
        if arn not in self.later:
            return
        left, ends = self.later.pop(arn)
        if left > 0:
            self.later[arn] = (left - 1, ends)
        else:
            ends()

    def _within_quota(self, config: dict[str, Any]) -> None:
        for variant in config["ProductionVariants"]:
            kind, count = variant["InstanceType"], variant["InitialInstanceCount"]
            limit = self.quotas.get(kind)
            if limit is not None and count > limit:
                raise Refusal(
                    "ResourceLimitExceeded",
                    f"The account-level service limit '{kind} for endpoint usage' is {limit} Instances, with current "
                    f"utilization of 0 Instances and a request delta of {count} Instances.",
                )


def _found(place: dict[str, dict[str, Any]], kind: str, name: str) -> dict[str, Any]:
    if name not in place:
        raise invalid(f'Could not find {kind} "arn:aws:sagemaker:{REGION}:{ACCOUNT}:{kind}/{name}".')
    return place[name]


def _listed(place: dict[str, dict[str, Any]], given: dict[str, Any]) -> list[dict[str, Any]]:
    return [one for name, one in place.items() if given.get("NameContains", "") in name]


def _copies(given: dict[str, Any]) -> dict[str, int]:
    count = given.get("RuntimeConfig", {}).get("CopyCount", 1)
    return {"DesiredCopyCount": count, "CurrentCopyCount": count}


def _variants(config: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {
            "VariantName": one["VariantName"],
            "CurrentInstanceCount": one["InitialInstanceCount"],
            "DesiredInstanceCount": one["InitialInstanceCount"],
        }
        for one in config["ProductionVariants"]
    ]
