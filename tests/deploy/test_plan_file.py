from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assistant.errors import ConfigurationError
from deploy.choices import Choices
from deploy.difference import difference
from deploy.making import options_of
from deploy.plan import Plan

DESIGN = {
    "model": str,
    "instance_type": str,
    "instance_count": int,
    "tensor_parallel": int,
    "dtype": str,
    "max_model_len": int,
    "max_concurrency": int,
    "memory": dict,
    "image": str,
    "ami": str,
    "environment": dict,
    "calls": list,
    "reasons": list,
    "warnings": list,
}


def test_a_plan_has_the_documented_form_and_only_json_values() -> None:
    values = Plan.make("8B").to_dict()
    assert DESIGN == {key: type(values[key]) for key in DESIGN}
    assert {"weights_gib", "kv_gib", "reserve_gib", "available_gib"} == set(values["memory"])
    assert all({"service", "operation", "parameters"} == set(call) for call in values["calls"])
    assert values == json.loads(json.dumps(values))


@given(
    model=st.sampled_from(["1B", "8B", "70B", "Llama-2-7B-chat"]),
    users=st.integers(1, 8),
    scale=st.sampled_from([{}, {"scale_min": 0, "scale_max": 3}, {"scale_max": 2}]),
    more=st.sampled_from(
        [{}, {"secret": "hub"}, {"source": "s3://bucket/x"}, {"tags": {"a": "b"}}, {"role": "serving"}]
    ),
)
@settings(max_examples=30, deadline=None)
def test_a_plan_written_and_read_is_the_same_plan(
    tmp_path_factory: pytest.TempPathFactory, model: str, users: int, scale: dict[str, Any], more: dict[str, Any]
) -> None:
    path = tmp_path_factory.mktemp("plan") / "plan.json"
    plan = Plan.make(model, users=users, **scale, **more)
    plan.write(path)
    assert plan == Plan.from_file(path)
    assert Choices.of(model, {"users": users, **scale, **more}) == options_of(plan.options)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"calls": [{}]}', "\x00"])
def test_a_file_that_is_no_plan_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "plan.json"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match=r"plan\.json"):
        Plan.from_file(path)


def test_a_plan_that_was_changed_by_hand_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    Plan.make("8B").write(path)
    path.write_text(path.read_text().replace("ml.g5.2xlarge", "ml.g6.2xlarge"))
    with pytest.raises(ConfigurationError, match="changed after it was made"):
        Plan.from_file(path)


def test_a_plan_without_a_digest_is_refused(tmp_path: Path) -> None:
    values = Plan.make("8B").to_dict()
    with pytest.raises(ConfigurationError):
        Plan.from_dict({**values, "digest": None})


def test_equal_plans_do_not_differ() -> None:
    assert [] == difference(Plan.make("8B"), Plan.make("8B"))


def test_a_difference_names_what_changes_once_and_no_digest() -> None:
    before, after = Plan.make("8B", name="a"), Plan.make("8B", name="a", context=4096)
    lines = difference(before, after)
    assert "max_model_len: 7168 -> 4096" in lines
    assert not any(plan.digest[:8] in line for line in lines for plan in (before, after))
    assert len(lines) == len(set(lines))


def test_a_difference_names_calls_that_come_and_go() -> None:
    plain, scaled = Plan.make("8B"), Plan.make("8B", scale_max=3)
    assert {"register_scalable_target: added", "put_scaling_policy: added"} <= set(difference(plain, scaled))
    assert "register_scalable_target: removed" in difference(scaled, plain)


def test_another_way_to_update_is_a_difference_though_the_calls_are_the_same() -> None:
    lines = difference(Plan.make("8B"), Plan.make("8B", strategy="rolling"))
    assert ["deployment.BlueGreenUpdatePolicy: removed", "deployment.RollingUpdatePolicy: added"] == lines


def test_a_folder_of_a_model_needs_a_place_for_its_weights(tmp_path: Path) -> None:
    config = {"hidden_size": 64, "intermediate_size": 128, "num_attention_heads": 4, "num_hidden_layers": 2}
    (tmp_path / "config.json").write_text(json.dumps({**config, "vocab_size": 512, "model_type": "llama"}))
    with pytest.raises(ConfigurationError, match="--source s3://"):
        Plan.make(str(tmp_path))
    assert "s3://bucket/own/" == Plan.make(str(tmp_path), source="s3://bucket/own/", name="own").options["source"]
