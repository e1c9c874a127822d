"""Call by call from what stands in AWS to what a plan says: created, updated in place, or left alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from assistant.errors import AssistantError, PermanentError
from deploy.account import Account
from deploy.calls import Call
from deploy.changes import Changes, resolved
from deploy.live import Live, described, same
from deploy.plan import Plan
from deploy.waiting import Tell, Watch


class Failed(PermanentError):
    """What was created or updated did not come up; `reason` is AWS's."""

    def __init__(self, what: str, reason: str) -> None:
        super().__init__(f"{what} did not come up: {reason or 'AWS gives no reason'}")
        self.reason = reason


@dataclass(frozen=True, slots=True)
class _Made:
    """Something this run created, and how it is taken back."""

    what: str
    undo: Call
    gone: Callable[[], object] | None = None


class Converging:
    """One run over the calls of a plan; `done` has a line for each change."""

    def __init__(
        self, plan: Plan, account: Account, *, live: Live | None, changes: Changes, watch: Watch, tell: Tell
    ) -> None:
        self._plan, self._account, self._changes, self._watch, self._tell = plan, account, changes, watch, tell
        self.live = live
        self.done: list[str] = []
        self._made: list[_Made] = []
        self._policies: dict[str, str] = {}
        self._alarmed: set[str] = set()

    def all(self) -> None:
        """Every call of the plan in order.

        Raises:
            Failed: something did not come up.
            AssistantError: AWS refuses a call, or cannot be asked.
        """
        for call in self._plan.calls:
            getattr(self, f"_{call.operation}")(call)

    def created(self) -> list[str]:
        """What this run created and did not take back."""
        return [made.what for made in self._made]

    def take_back(self) -> tuple[list[str], list[str]]:
        """Remove what this run created, newest first: what is gone, and what AWS would not remove."""
        taken: list[str] = []
        left: list[str] = []
        for made in reversed(self._made):
            if left:  # what could not be removed still uses what was made before it
                left.append(made.what)
                continue
            try:
                self._account.call(made.undo.service, made.undo.operation, **made.undo.parameters)
                if made.gone is not None:
                    made.gone()
                taken.append(made.what)
            except AssistantError as error:
                self._tell(f"{made.what} could not be removed: {error}")
                left.append(made.what)
        self._made = [made for made in self._made if made.what in left]
        return taken, left

    def _create_model(self, call: Call) -> None:
        name = str(call.parameters["ModelName"])
        if self._changes.model:
            self._version(call, f"model {name}", Call("sagemaker", "delete_model", {"ModelName": name}))

    def _create_endpoint_config(self, call: Call) -> None:
        name = str(call.parameters["EndpointConfigName"])
        if self._changes.config:
            undo = Call("sagemaker", "delete_endpoint_config", {"EndpointConfigName": name})
            self._version(call, f"endpoint config {name}", undo)

    def _version(self, call: Call, what: str, undo: Call) -> None:
        """A model or endpoint config: its name carries the digest, so what stands there of an earlier try is the same."""
        if described(self._account, call) is None:
            self._call(resolved(call, self._account))
            self._note(what, undo)
        elif self.live is None:
            self._made.append(_Made(what, undo))

    def _create_endpoint(self, call: Call) -> None:
        if self.live is None:
            self._call(call)
            undo = Call("sagemaker", "delete_endpoint", {"EndpointName": self._plan.name})
            self._note(f"endpoint {self._plan.name}", undo, gone=self._watch.endpoint)
            self._came_up(self._watch.endpoint(), str(call.parameters["EndpointConfigName"]))
        elif self._changes.config:
            self._update_endpoint(str(call.parameters["EndpointConfigName"]))

    def _update_endpoint(self, config: str) -> None:
        """In place: the old version answers until the new one has proved itself, and comes back where it does not."""
        deployment = self._plan.options.get("deployment") or {}
        self._rollback_alarms(deployment)
        parameters: dict[str, Any] = {"EndpointName": self._plan.name, "EndpointConfigName": config}
        if deployment and not self._plan.options.get("component"):
            parameters["DeploymentConfig"] = deployment
        if self._scales():  # else an update would set the number of instances back to that of the start
            parameters["RetainAllVariantProperties"] = True
        self._call(Call("sagemaker", "update_endpoint", parameters))
        self._came_up(self._watch.endpoint(), config)
        self._keep(f"updated endpoint {self._plan.name} to {config}")

    def _create_inference_component(self, call: Call) -> None:
        parameters = dict(call.parameters)
        name = str(parameters["InferenceComponentName"])
        if "ModelName" in parameters["Specification"]:
            parameters["Specification"] = {**parameters["Specification"], "ModelName": self._changes.model_name}
        found = described(self._account, call)
        if found is not None and found["InferenceComponentStatus"] == "Failed":
            self._call(Call("sagemaker", "delete_inference_component", {"InferenceComponentName": name}))
            found = self._watch.component(name)
        if found is None:
            self._call(Call(call.service, call.operation, parameters))
            undo = Call("sagemaker", "delete_inference_component", {"InferenceComponentName": name})
            self._note(f"inference component {name}", undo, gone=lambda: self._watch.component(name))
            self._component_up(name, parameters["Specification"])
        elif not self._component_same(parameters, found):
            self._update_component(name, parameters)

    def _update_component(self, name: str, parameters: Mapping[str, Any]) -> None:
        deployment = self._plan.options.get("deployment") or {}
        update = {"InferenceComponentName": name, "Specification": parameters["Specification"]}
        if "RuntimeConfig" in parameters and not self._scaled:
            update["RuntimeConfig"] = parameters["RuntimeConfig"]
        if name == self._plan.options.get("component") and deployment:
            self._rollback_alarms(deployment)
            update["DeploymentConfig"] = deployment
        self._call(Call("sagemaker", "update_inference_component", update))
        self._component_up(name, parameters["Specification"])
        self._keep(f"updated inference component {name}")

    def _register_scalable_target(self, call: Call) -> None:
        undo = ("ServiceNamespace", "ResourceId", "ScalableDimension")
        self._put(call, f"scalable target {call.parameters['ResourceId']}", "deregister_scalable_target", undo)

    def _put_scaling_policy(self, call: Call) -> None:
        name = str(call.parameters["PolicyName"])
        undo = ("PolicyName", "ServiceNamespace", "ResourceId", "ScalableDimension")
        answer = self._put(call, f"scaling policy {name}", "delete_scaling_policy", undo)
        self._policies[name] = str(answer["PolicyARN"])

    def _put_metric_alarm(self, call: Call) -> None:
        name = str(call.parameters["AlarmName"])
        if name in self._alarmed:
            return
        self._alarmed.add(name)
        ready = resolved(call, self._account, policies=self._policies)
        undo = Call("cloudwatch", "delete_alarms", {"AlarmNames": [name]})
        self._put(ready, f"alarm {name}", undo.operation, undo.parameters)

    def _put(self, call: Call, what: str, undo: str, keys: tuple[str, ...] | Mapping[str, Any]) -> Mapping[str, Any]:
        """Make a call that creates and overwrites, where it would change something: its answer, or what stands there."""
        found = described(self._account, call)
        wanted = {key: value for key, value in call.parameters.items() if key != "Tags"}
        if found is not None and same(wanted, found):
            return found
        answer = self._call(call)
        if found is not None:
            self._keep(f"changed {what}", forget=False)
            return answer
        parameters = keys if isinstance(keys, Mapping) else {key: call.parameters[key] for key in keys}
        self._note(what, Call(call.service, undo, parameters))
        return answer

    def _rollback_alarms(self, deployment: Mapping[str, Any]) -> None:
        """The alarms an update refers to must stand before it."""
        named = {alarm["AlarmName"] for alarm in deployment.get("AutoRollbackConfiguration", {}).get("Alarms", ())}
        for call in self._plan.calls:
            if call.operation == "put_metric_alarm" and call.parameters["AlarmName"] in named:
                self._put_metric_alarm(call)

    def _component_same(self, parameters: Mapping[str, Any], found: Mapping[str, Any]) -> bool:
        copies = parameters.get("RuntimeConfig", {}).get("CopyCount")
        counted = copies is None or self._scaled or copies == found.get("RuntimeConfig", {}).get("DesiredCopyCount")
        return counted and same(parameters["Specification"], found["Specification"])

    @property
    def _scaled(self) -> bool:
        return any(call.operation == "register_scalable_target" for call in self._plan.calls)

    def _scales(self) -> bool:
        """Whether autoscaling sets the number of the variant's instances now, and will."""
        return any(
            described(self._account, call) is not None
            for call in self._plan.calls
            if call.operation == "register_scalable_target" and "/variant/" in call.parameters["ResourceId"]
        )

    def _came_up(self, found: Mapping[str, Any] | None, config: str) -> None:
        if found is None or found["EndpointStatus"] != "InService" or found["EndpointConfigName"] != config:
            raise Failed(f"endpoint {self._plan.name}", str((found or {}).get("FailureReason", "")))

    def _component_up(self, name: str, specification: Mapping[str, Any]) -> None:
        found = self._watch.component(name)
        up = found is not None and found["InferenceComponentStatus"] == "InService"
        if not up or not same(specification, (found or {}).get("Specification")):
            raise Failed(f"inference component {name}", str((found or {}).get("FailureReason", "")))

    def _call(self, call: Call) -> dict[str, Any]:
        return self._account.call(call.service, call.operation, **call.parameters)

    def _note(self, what: str, undo: Call, *, gone: Callable[[], object] | None = None) -> None:
        self._made.append(_Made(what, undo, gone))
        self.done.append(f"created {what}")
        self._tell(f"created {what}")

    def _keep(self, what: str, *, forget: bool = True) -> None:
        """Note a change of what stood there before; after an update its new model and config are in use, so they stay."""
        if forget:
            self._made = [made for made in self._made if made.undo.operation not in IN_USE]
        self.done.append(what)
        self._tell(what)


IN_USE = frozenset({"delete_model", "delete_endpoint_config"})
"""What may no longer be taken back once an endpoint was updated to it."""
