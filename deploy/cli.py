"""The `assistant-deploy` command line; boto3 and what is heavy are imported when a command runs."""

from __future__ import annotations

import logging
import sys
from importlib.metadata import version
from typing import Annotated

import typer

from assistant.errors import AssistantError
from deploy import cli_options as options

app = typer.Typer(
    name="assistant-deploy",
    help="Puts a Llama model on Amazon SageMaker: a plan first, then the calls it lists.",
    epilog="Exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def main() -> None:
    """Entry point of the console script: an error of ours is one line on stderr and exit code 1."""
    try:
        app()
    except AssistantError as error:
        if logging.root.isEnabledFor(logging.DEBUG):
            raise
        sys.stderr.write(f"assistant-deploy: {error}\n")
        sys.exit(1)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"assistant-deploy {version('llama-assistant-sdk')}")
        raise typer.Exit


@app.callback()
def start(
    debug: Annotated[bool, typer.Option("--debug", help="Show debug logs, and the traceback of an error.")] = False,
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    logging.basicConfig(stream=sys.stderr, level="DEBUG" if debug else "WARNING", format="%(message)s", force=True)
    logging.getLogger("deploy").setLevel("DEBUG" if debug else "INFO")


@app.command()
def plan(
    model: options.Model,
    instance_type: options.InstanceType = None,
    context: options.Context = None,
    users: options.Users = None,
    region: options.Region = "us-east-1",
    dtype: options.Dtype = "auto",
    name: options.Name = None,
    instances: options.Instances = 1,
    container: options.Container = "vllm",
    image: options.Image = None,
    ami: options.Ami = None,
    role: options.Role = None,
    secret: options.Secret = None,
    source: options.Source = None,
    subnet: options.Subnet = None,
    security_group: options.SecurityGroup = None,
    kms: options.Kms = None,
    tag: options.Tag = None,
    strategy: options.Strategy = "all-at-once",
    scale_min: options.ScaleMin = None,
    scale_max: options.ScaleMax = None,
    scale_on: options.ScaleOn = "requests",
    scale_target: options.ScaleTarget = None,
    async_output: options.AsyncOutput = None,
    components: options.Components = False,
    adapter: options.Adapter = None,
    price: options.Price = None,
    engine: options.Engine = None,
    env: options.Env = None,
    out: options.Out = None,
    as_json: options.Json = False,
) -> None:
    """Compute what fits on which instance, and every call that creates it; needs no credentials, changes nothing."""
    given = dict(locals())  # all of it goes to one place, under the same names
    from deploy import planning

    planning.plan(given)


@app.command()
def diff(
    before: options.Before,
    after: options.After,
    as_json: options.Json = False,
) -> None:
    """What changes from one plan file to another; exit code 0 also where they differ."""
    from deploy import planning

    planning.diff(before, after, as_json=as_json)


@app.command()
def export(plan: options.PlanFile, out: options.Out = None) -> None:
    """The plan as a CloudFormation template, in JSON, on standard output or into --out."""
    from deploy import planning

    planning.export(plan, out)


@app.command()
def apply(
    plan: options.PlanFile,
    profile: options.Profile = None,
    keep_failed: Annotated[
        bool, typer.Option("--keep-failed", help="Leave what a failed apply created, to look at it.")
    ] = False,
    no_preflight: Annotated[
        bool, typer.Option("--no-preflight", help="Create without asking first what would fail.")
    ] = False,
    poll: Annotated[float, typer.Option(min=0, help="Seconds between two looks while waiting.")] = 15.0,
    as_json: options.Json = False,
) -> None:
    """Make a plan file real: checked first, created or updated in place, waited for; a second time does nothing."""
    from deploy import running

    check = not no_preflight
    running.apply(plan, profile=profile, keep_failed=keep_failed, check=check, poll=poll, as_json=as_json)


@app.command()
def status(
    name: options.MaybeEndpoint = None,
    region: options.Region = "us-east-1",
    profile: options.Profile = None,
    as_json: options.Json = False,
) -> None:
    """How an endpoint is and why it failed; without a name what runs in the region, in instance hours, and what is left over."""
    from deploy import running

    running.status(name, region=region, profile=profile, as_json=as_json)


@app.command()
def logs(
    name: options.Endpoint,
    region: options.Region = "us-east-1",
    profile: options.Profile = None,
    lines: Annotated[int, typer.Option("--lines", "-n", min=0, max=10_000, help="How many of the last.")] = 100,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with those that come, until Ctrl-C.")] = False,
    as_json: options.Json = False,
) -> None:
    """What the containers of an endpoint wrote; with --follow, --json prints one document a line."""
    from deploy import running

    running.logs(name, region=region, profile=profile, lines=lines, follow=follow, as_json=as_json)


@app.command()
def invoke(
    name: options.Endpoint,
    question: Annotated[str, typer.Argument(metavar="QUESTION", help="What to ask the model; - reads standard input.")],
    region: options.Region = "us-east-1",
    profile: options.Profile = None,
    system: Annotated[str | None, typer.Option(help="System prompt.")] = None,
    max_tokens: Annotated[int, typer.Option(min=1, help="Tokens of the answer at most.")] = 512,
    component: Annotated[str | None, typer.Option(help="Inference component, such as that of an adapter.")] = None,
    as_json: options.Json = False,
) -> None:
    """Ask the model on an endpoint, without documents; the answer is printed as it comes."""
    from deploy import running

    text = sys.stdin.read() if question == "-" else question
    given = {"system": system, "max_tokens": max_tokens, "component": component}
    running.invoke(name, text, region=region, profile=profile, as_json=as_json, given=given)


@app.command()
def destroy(
    name: options.MaybeEndpoint = None,
    orphans: Annotated[
        bool, typer.Option("--orphans", help="In place of NAME: what earlier endpoints left over, found by tag.")
    ] = False,
    region: options.Region = "us-east-1",
    profile: options.Profile = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    poll: Annotated[float, typer.Option(min=0, help="Seconds between two looks while waiting.")] = 15.0,
    as_json: options.Json = False,
) -> None:
    """Remove an endpoint and all that belongs to it; its logs stay."""
    from deploy import running

    running.destroy(name, orphans=orphans, region=region, profile=profile, yes=yes, poll=poll, as_json=as_json)
