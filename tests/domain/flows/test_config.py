from decimal import Decimal
from typing import Any

import pytest

from domain.flows.config import FlowConfig, Sizing, checked_config, config_warnings, sizing_of
from domain.kernel.errors import DomainError, ErrorCode

BAD: list[dict[str, Any]] = [
    {"order_size_usd": -1},
    {"order_size_usd": 0},
    {"order_size_usd": "NaN"},
    {"order_size_usd": float("nan")},
    {"order_size_usd": float("inf")},
    {"order_size_usd": 10**30},
    {"order_size_usd": "a lot"},
    {"order_size_usd": True},
    {"order_size_usd": [1]},
    {"order_quantity": "1e-30"},
    {"swarm_runs": 0},
    {"swarm_runs": 26},
    {"swarm_runs": 3.5},
    {"swarm_runs": "3"},
    {"swarm_min_agreement": 101},
    {"swarm_min_agreement": -1},
    {"swarm_role_weights": {"market_analyst": -1}},
    {"swarm_role_weights": 5},
    {"default_stop_loss_percent": 100},
    {"auto_loop_delay_seconds": -5},
    {"pre_trade_min_confidence": 2},
    {"single_position_mode": "perhaps"},
    {"notes": "x" * 20_000},
]


@pytest.mark.parametrize("config", BAD, ids=lambda config: str(config)[:50])
def test_setting_outside_its_limits_is_refused(config: dict[str, Any]) -> None:
    with pytest.raises(DomainError) as refusal:
        checked_config(config)
    assert refusal.value.code is ErrorCode.VALIDATION_ERROR


def test_unknown_interval_is_refused_with_the_known_ones() -> None:
    with pytest.raises(DomainError) as refusal:
        checked_config({"interval": "7h"})
    assert refusal.value.code is ErrorCode.UNKNOWN_INTERVAL
    assert "1h" in refusal.value.details["known"]  # type: ignore[operator]


def test_documented_config_is_kept_as_it_is() -> None:
    config = {"order_size_usd": 100, "swarm_runs": 3, "swarm_min_agreement": 60, "colour": "blue"}
    assert checked_config(config) == config


def test_switches_that_bypass_the_analysis_are_dropped() -> None:
    assert checked_config({"demo_force_position": True, "demo_force_action": "buy"}) == {}


@pytest.mark.parametrize(
    ("config", "quantity", "size", "expected"),
    [
        ({}, None, None, Sizing(None, Decimal(100))),
        ({"order_quantity": "0.5"}, None, None, Sizing(Decimal("0.5"))),
        ({"order_quantity": "0.5"}, None, Decimal(20), Sizing(None, Decimal(20))),
        ({"order_quantity": "0.5"}, Decimal(2), Decimal(20), Sizing(Decimal(2))),
    ],
)
def test_override_beats_settings_and_quantity_beats_money(
    config: dict[str, Any], quantity: Decimal | None, size: Decimal | None, expected: Sizing
) -> None:
    assert sizing_of(FlowConfig.of(config), quantity, size) == expected


def test_keys_without_effect_are_named_with_what_may_have_been_meant() -> None:
    config = {"swarm_rnus": 5, "colour": "red", "interval": "1h", "pre_trade_min_confidence": 0, "auto_loop_cycle_count": 3}
    assert config_warnings(config) == ["`colour` has no effect", "`swarm_rnus` has no effect; did you mean `swarm_runs`?"]
    assert config_warnings(dict.fromkeys((*FlowConfig.model_fields, "x" * 200))) == [f"`{'x' * 80}` has no effect"]
