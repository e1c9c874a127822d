"""What would make a plan fail minutes later, asked before anything is created."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from assistant.errors import AssistantError, ConfigurationError, Rejected
from deploy.account import Account, Refused
from deploy.changes import call_of, resolved
from deploy.hub import token_fault
from deploy.images import ECR, image_for
from deploy.live import Live
from deploy.plan import Plan
from deploy.quota import quota
from deploy.waiting import Tell

State = Literal["ok", "note", "failed"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at; a `note` where the credentials may not ask, or nobody answers, or it may not matter."""

    check: str
    state: State
    text: str

    def __str__(self) -> str:
        return f"{self.check}: {self.text}"


def require(plan: Plan, account: Account, *, live: Live | None, tell: Tell) -> tuple[str, ...]:
    """Look at everything; the notes, one line each.

    Raises:
        Rejected: something would fail; the message names everything that would.
    """
    findings = preflight(plan, account, live=live)
    for one in findings:
        tell(f"{'ok' if one.state == 'ok' else one.state.upper()}  {one}")
    if failed := [one for one in findings if one.state == "failed"]:
        lines = "\n".join(f"  {one}" for one in failed)
        raise Rejected(f"plan {plan.name!r} would fail, so nothing was created:\n{lines}")
    return tuple(str(one) for one in findings if one.state == "note")


def preflight(plan: Plan, account: Account, *, live: Live | None = None) -> list[Finding]:
    """Every check in order; where there are no usable credentials, that alone."""
    checks: tuple[tuple[str, Callable[..., Iterator[tuple[State, str]]]], ...] = (
        ("role", _role),
        ("permissions", _permissions),
        ("quota", quota),
        ("image", _image),
        ("model in S3", _storage),
        ("secret", _secret),
        ("hub", _hub),
        ("alarms", _alarms),
    )
    try:
        identity = account.identity
    except AssistantError as error:
        return [Finding("identity", "failed", str(error))]
    found = [Finding("identity", "ok", f"{identity.arn} in {plan.region}")]
    for name, check in checks:
        found += [Finding(name, state, text) for state, text in _asked(check, plan, account, live)]
    return found


def _asked(check: Any, plan: Plan, account: Account, live: Live | None) -> Iterator[tuple[State, str]]:
    try:
        yield from check(plan, account, live)
    except ConfigurationError as error:
        yield "failed", str(error)
    except AssistantError as error:
        yield "note", f"could not be checked: {error}"


def _role(plan: Plan, account: Account, _: Live | None) -> Iterator[tuple[State, str]]:
    arn = _execution_role(plan, account)
    name = arn.rpartition("/")[2]
    if (owner := arn.split(":")[4]) != account.identity.account:
        yield (
            "failed",
            f"{arn} is in account {owner}, the credentials in {account.identity.account}: plan with another --role",
        )
        return
    found = account.find("iam", "get_role", RoleName=name)
    if found is None:
        yield (
            "failed",
            f"there is no role {name!r}: create it with options.role_trust and options.role_policy of the plan, "
            f"or plan with the --role you have",
        )
        return
    if not _trusts(found["Role"].get("AssumeRolePolicyDocument") or {}):
        yield "failed", f"role {name!r} does not let SageMaker take it: give it options.role_trust of the plan"
        return
    yield "ok", f"{arn}, which SageMaker may take"


def _execution_role(plan: Plan, account: Account) -> str:
    """Its ARN; the secret is not asked for, which a check of its own does."""
    call = resolved(call_of(plan, "create_model"), account, secrets=lambda _: "")
    return str(call.parameters["ExecutionRoleArn"])


def _trusts(document: dict[str, Any]) -> bool:
    statements = document.get("Statement") or []
    for statement in statements if isinstance(statements, list) else [statements]:
        services = (statement.get("Principal") or {}).get("Service", []) if statement.get("Effect") == "Allow" else []
        if any("sagemaker." in name for name in _listed(services)):
            return True
    return False


def _permissions(plan: Plan, account: Account, _: Live | None) -> Iterator[tuple[State, str]]:
    """IAM itself says whether the role may do what the plan's policy lists; statements with conditions aside."""
    arn = _execution_role(plan, account)
    denied: set[str] = set()
    for statement in plan.options["role_policy"]["Statement"]:
        given = statement["Resource"]
        resources = [one.replace(":*:", f":{account.identity.account}:") for one in _listed(given)]
        if "Condition" not in statement:
            asked = {"PolicySourceArn": arn, "ActionNames": statement["Action"], "ResourceArns": resources}
            answer = account.find("iam", "simulate_principal_policy", **asked)
            if answer is None:
                return  # no such role, which the check of the role has said
            results = answer["EvaluationResults"]
            denied |= {one["EvalActionName"] for one in results if one["EvalDecision"] != "allowed"}
    shared = {action for action in denied if action.startswith(("s3:", "kms:"))}
    if own := sorted(denied - shared):
        yield "failed", f"{arn} may not {', '.join(own)}: give it options.role_policy of the plan"
    if shared:
        named = ", ".join(sorted(shared))
        yield "note", f"{arn} may not {named} by its own policies: the policy of the bucket or key must allow it"
    if not denied:
        yield "ok", "the role may do what the endpoint needs"


def _listed(given: str | list[str]) -> list[str]:
    return [given] if isinstance(given, str) else given


def _image(plan: Plan, account: Account, _: Live | None) -> Iterator[tuple[State, str]]:
    match = ECR.fullmatch(plan.image)
    if match is None:
        raise ConfigurationError(f"{plan.image!r} is not in a private ECR")
    if match["region"] != plan.region:
        raise ConfigurationError(f"{plan.image} is in {match['region']}, the endpoint in {plan.region}")
    repository, tag = match["tag"].split(":", 1)
    try:
        answer = account.call(
            "ecr",
            "batch_get_image",  # what a pull asks; the registries of AWS allow nothing more
            registryId=match["account"],
            repositoryName=repository,
            imageIds=[{"imageTag": tag}],
        )
    except Refused as error:
        if not error.missing:
            raise
        known = plan.image in _published(plan.region)
        text = f"{plan.image}: the registry shows no repository {repository!r} to these credentials"
        yield ("note", f"{text}; the image is in the table of those AWS publishes") if known else ("failed", text)
        return
    if answer.get("images"):
        yield "ok", plan.image
    else:
        yield "failed", f"{plan.image}: there is no tag {tag!r} in this region; plan with another --image, or without"


def _published(region: str) -> set[str]:
    found = set()
    for kind in ("vllm", "lmi"):
        try:
            found.add(image_for(region, kind=kind).uri)
        except ConfigurationError:
            continue
    return found


def _storage(plan: Plan, account: Account, _: Live | None) -> Iterator[tuple[State, str]]:
    source = str(plan.options["source"])
    if not source.startswith("s3://"):
        return
    bucket, prefix = (source.removeprefix("s3://") + "/").split("/", 1)
    prefix = prefix.strip("/") + "/" if prefix.strip("/") else ""
    try:
        answer = account.call("s3", "list_objects_v2", Bucket=bucket, Prefix=prefix, MaxKeys=1000)
    except Refused as error:
        if error.missing:
            raise ConfigurationError(f"there is no bucket {bucket!r}") from None
        if error.code == "PermanentRedirect":
            raise ConfigurationError(f"bucket {bucket!r} is in another region than {plan.region}") from None
        raise
    names = [one["Key"].removeprefix(prefix) for one in answer.get("Contents", ())]
    if "config.json" not in names or not any(name.endswith(".safetensors") for name in names):
        seen = ", ".join(names[:5]) or "nothing"
        raise ConfigurationError(
            f"{source} holds no model as vLLM reads it: config.json and *.safetensors must stand directly there, not in an "
            f"archive; found {seen}"
        )
    place = account.call("s3", "get_bucket_location", Bucket=bucket).get("LocationConstraint") or "us-east-1"
    if place != plan.region:
        raise ConfigurationError(
            f"bucket {bucket!r} is in {place}, the endpoint in {plan.region}: copy the model there"
        )
    yield "ok", f"{source}: {len(names)} objects"


def _secret(plan: Plan, account: Account, _: Live | None) -> Iterator[tuple[State, str]]:
    name = plan.options.get("secret")
    if not name:
        return
    try:
        resolved(call_of(plan, "create_model"), account)
    except Refused as error:
        why = "does not exist" if error.missing else f"cannot be read ({error.code})"
        raise ConfigurationError(
            f"secret {name!r} {why}: apply reads it, so it must be in {plan.region} and you need secretsmanager:GetSecretValue"
        ) from None
    yield "ok", f"{name!r} can be read"


def _alarms(plan: Plan, account: Account, live: Live | None) -> Iterator[tuple[State, str]]:
    """An update whose alarm is already raised is rolled back at once."""
    rollback = (plan.options.get("deployment") or {}).get("AutoRollbackConfiguration", {})
    names = [alarm["AlarmName"] for alarm in rollback.get("Alarms", ())]
    if live is None or not names:
        return
    found = account.call("cloudwatch", "describe_alarms", AlarmNames=names)["MetricAlarms"]
    if raised := [one["AlarmName"] for one in found if one.get("StateValue") == "ALARM"]:
        yield "failed", f"{', '.join(raised)} is raised, which would roll the update back at once: wait until it is OK"
    else:
        yield "ok", f"{', '.join(names)} is not raised"


def _hub(plan: Plan, account: Account, _: Live | None) -> Iterator[tuple[State, str]]:
    """The licence of a gated model must have been accepted by whom the token belongs to."""
    if not plan.options.get("gated"):
        return
    environment = resolved(call_of(plan, "create_model"), account).parameters["PrimaryContainer"]["Environment"]
    token = environment.get("HF_TOKEN") or environment.get("HUGGING_FACE_HUB_TOKEN")
    if not token:
        raise ConfigurationError(
            f"{plan.model} is gated and the plan has no token: accept its licence on the hub, put a token as plain text "
            f"into Secrets Manager, plan with --secret NAME; or plan with --source s3://…"
        )
    if fault := token_fault(plan.model, token, hub=environment.get("HF_ENDPOINT")):
        raise ConfigurationError(fault)
    yield "ok", f"the hub gives {plan.model} to this token"
