"""What a flow can be set to: the documented keys with their types and limits; keys the server does not know are kept as they are."""

import difflib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from domain.analysts.gate import GateSettings
from domain.analysts.rule_based import MAX_PANEL
from domain.analysts.tally import DEFAULT_MIN_AGREEMENT
from domain.flows.models import FlowMode
from domain.kernel.errors import DomainError, ErrorCode
from domain.kernel.money import exact
from domain.market.candles import Interval
from domain.runtime.columns import dump_json

MAX_CONFIG_BYTES = 16_384
LEAST_SWARM = 3
# Keys of an earlier backend that let a run trade against its own analysis; accepted nowhere.
FORBIDDEN_PREFIX = "demo_force"
# Shown among the settings, and so sent back by clients that change them.
KEPT_BY_THE_SERVER = {"auto_loop_cycle_count", "user_id"}


def _decimal(value: object) -> Decimal:
    # A preference may be typed as a float by a GraphQL client; money never is.
    return exact(repr(value) if isinstance(value, float) else value)


Number = Annotated[Decimal, BeforeValidator(_decimal)]


class FlowConfig(BaseModel):
    """The keys that steer a run. Sizes in money are in the instrument's quote currency; percents are 0 to 100."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    interval: str = "1h"
    candles: int = Field(100, ge=60, le=1000, strict=True)
    user_wallet_id: str | None = Field(None, max_length=40)
    order_quantity: Number | None = Field(None, gt=0)
    order_size_usd: Number = Field(Decimal(100), gt=0)
    swarm_runs: int | None = Field(None, ge=1, le=MAX_PANEL, strict=True)  # every run has one: `config_of_run`
    swarm_min_agreement: int = Field(DEFAULT_MIN_AGREEMENT, ge=0, le=100, strict=True)
    swarm_role_weights: dict[str, Number] = Field(default_factory=dict)
    single_position_mode: bool = True
    default_stop_loss_percent: Number = Field(Decimal("1.5"), gt=0, lt=100)
    default_take_profit_percent: Number = Field(Decimal(3), gt=0, le=1000)
    auto_loop_enabled: bool = True
    auto_loop_delay_seconds: Number = Field(Decimal(30), ge=0, le=86_400)
    auto_loop_max_cycles: int | None = Field(None, ge=1, strict=True)

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> Self:
        """Return the typed settings; raises VALIDATION_ERROR naming the key."""
        try:
            parsed = cls.model_validate(dict(config))
        except ValidationError as error:
            problems = [{"field": ".".join(map(str, ["config", *one["loc"]])), "message": one["msg"]} for one in error.errors()]
            first = problems[0]
            raise DomainError(ErrorCode.VALIDATION_ERROR, f"{first['field']}: {first['message']}", errors=problems) from None
        Interval.parse(parsed.interval)
        if any(weight < 0 for weight in parsed.swarm_role_weights.values()):
            raise DomainError(
                ErrorCode.VALIDATION_ERROR, "config.swarm_role_weights must not be negative", field="config.swarm_role_weights"
            )
        return parsed


def checked_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the config to store: every documented key of the right type and within its limits. Raises VALIDATION_ERROR."""
    kept = {key: value for key, value in config.items() if not key.startswith(FORBIDDEN_PREFIX)}
    FlowConfig.of(kept)
    GateSettings.from_config(kept)
    try:
        size = len(dump_json(kept))
    except (TypeError, ValueError):
        raise DomainError(ErrorCode.VALIDATION_ERROR, "config must be a JSON object", field="config") from None
    if size > MAX_CONFIG_BYTES:
        raise DomainError(ErrorCode.VALIDATION_ERROR, f"config is larger than {MAX_CONFIG_BYTES} bytes", field="config")
    return kept


def config_warnings(config: Mapping[str, Any]) -> list[str]:
    """Return a sentence for each key that no run reads: it is kept for other programs, or it is a slip of the pen."""
    known = sorted({*FlowConfig.model_fields, *GateSettings.keys()})
    warnings = []
    for key in sorted(set(config) - set(known) - KEPT_BY_THE_SERVER):
        near = difflib.get_close_matches(key, known, n=1)
        hint = f"; did you mean `{near[0]}`?" if near else ""
        warnings.append(f"`{key[:80]}` has no effect{hint}")
    return warnings


def config_of_run(config: Mapping[str, Any], agents: Collection[str]) -> dict[str, Any]:
    """Return the settings that a run begins with: the flow's; a swarm of no given size has a member for each agent, at least 3."""
    return {**config, "swarm_runs": config.get("swarm_runs") or max(LEAST_SWARM, len(agents))}


def panel_size(mode: FlowMode, config: FlowConfig) -> int:
    """Return how many analysts vote in a run: one in solo mode, else `swarm_runs` of them."""
    return 1 if mode is FlowMode.SOLO else config.swarm_runs or LEAST_SWARM


@dataclass(frozen=True, slots=True)
class Sizing:
    """How much a run is to trade: a quantity if one is set, else an amount of money in the quote currency."""

    quantity: Decimal | None
    money: Decimal = field(default=Decimal(0))


def sizing_of(config: FlowConfig, quantity_override: Decimal | None, size_override: Decimal | None) -> Sizing:
    """Return the run's size: an override beats the flow's settings, a quantity beats money."""
    if quantity_override is not None:
        return Sizing(quantity_override)
    if size_override is not None:
        return Sizing(None, size_override)
    if config.order_quantity is not None:
        return Sizing(config.order_quantity)
    return Sizing(None, config.order_size_usd)
