"""What AWS describes is as planned where it says everything the plan says, whatever defaults and order AWS adds."""

from __future__ import annotations

from typing import Any

from aws_setup import plan_of
from hypothesis import given
from hypothesis import strategies as st

from deploy.live import OPTIONAL, same

SCALARS = st.one_of(st.text(max_size=5), st.integers(), st.booleans())
KEYS = st.sampled_from(["Name", "Value", "Image", "Status"])
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3), max_leaves=12
)


@given(VALUES)
def test_what_aws_adds_makes_no_difference(value: Any) -> None:
    assert same(value, _with_defaults(value))


@given(st.dictionaries(KEYS, SCALARS, min_size=1), st.data())
def test_another_or_a_missing_value_makes_one(value: dict[str, Any], data: st.DataObject) -> None:
    key = data.draw(st.sampled_from(sorted(value)))

    assert not same(value, {**value, key: [value[key]]})
    assert not same(value, {name: one for name, one in value.items() if name != key})


def test_an_optional_part_that_the_plan_no_longer_has_makes_one() -> None:
    for key in OPTIONAL:
        assert not same({"Image": "a"}, {"Image": "a", key: {"Status": "ENABLED"}})
        assert same({"Image": "a"}, {"Image": "a", key: {}})


def test_the_environment_is_compared_as_a_whole() -> None:
    assert not same({"Environment": {"A": "1"}}, {"Environment": {"A": "1", "B": "2"}})


def test_subnets_and_dimensions_come_in_any_order() -> None:
    assert same({"Subnets": ["subnet-a", "subnet-b"]}, {"Subnets": ["subnet-b", "subnet-a"]})
    one, two = {"Name": "EndpointName", "Value": "x"}, {"Name": "VariantName", "Value": "main"}
    assert same({"Dimensions": [one, two]}, {"Dimensions": [two, one]})


def test_every_call_of_a_plan_is_the_same_as_itself_and_not_as_another_plans() -> None:
    before, after = plan_of(scale_max=2), plan_of(scale_max=3, context=4096)

    assert all(same(call.parameters, call.parameters) for call in before.calls)
    assert not same(before.calls[0].parameters, after.calls[0].parameters)


def _with_defaults(value: Any) -> Any:
    if isinstance(value, dict):
        return {**{key: _with_defaults(inner) for key, inner in value.items()}, "CreationTime": "today"}
    return [_with_defaults(inner) for inner in value] if isinstance(value, list) else value
