"""The catalogue of model providers, and the rule by which a run gets one: nothing falls back silently."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from domain.analysts.opinion import Numeral
from domain.analysts.rule_based import PROVIDER, RULES_VERSION
from domain.kernel.errors import DomainError, ErrorCode
from domain.kernel.money import plain

# Settings by the name of their environment variable. A key may be a secret that hides its text: only its presence counts.
Settings = Mapping[str, object]
DEFAULT_VARIABLE = "DEFAULT_MODEL_PROVIDER"
RULES_MODEL = f"{PROVIDER}@{RULES_VERSION}"
# The providers that this version can ask; the others are in the catalogue with the variable that they need.
ANSWERING = frozenset({PROVIDER})


@dataclass(frozen=True, slots=True)
class Model:
    """`context_window` in tokens, prices in US dollars per million tokens as listed in November 2026; None is unknown."""

    name: str
    context_window: int | None = None
    input_price: Decimal | None = None
    output_price: Decimal | None = None


@dataclass(frozen=True, slots=True)
class ModelProvider:
    """`variable` is the environment variable that configures it, None for one that needs nothing. The first model is the default."""

    id: str
    name: str
    variable: str | None
    models: tuple[Model, ...]

    @property
    def default_model(self) -> str:
        return self.models[0].name

    def is_configured(self, settings: Settings) -> bool:
        return self.variable is None or bool(settings.get(self.variable))


def _model(name: str, context_window: int | None, input_price: str | None = None, output_price: str | None = None) -> Model:
    return Model(name, context_window, *(None if price is None else Decimal(price) for price in (input_price, output_price)))


# Prices: the genai-prices data set (Pydantic), without tiers for long prompts.
PROVIDERS: tuple[ModelProvider, ...] = (
    ModelProvider(PROVIDER, "Built-in rule-based analysts", None, (_model(RULES_MODEL, None, "0", "0"),)),
    ModelProvider(
        "groq",
        "Groq",
        "GROQ_API_KEY",
        (_model("llama-3.3-70b-versatile", 131_072, "0.59", "0.79"), _model("llama-3.1-8b-instant", 131_072, "0.05", "0.08")),
    ),
    ModelProvider(
        "gemini",
        "Google Gemini",
        "GEMINI_API_KEY",
        (_model("gemini-2.5-flash", 1_048_576, "0.30", "2.50"), _model("gemini-2.5-flash-lite", 1_000_000, "0.10", "0.40")),
    ),
    ModelProvider(
        "openrouter",
        "OpenRouter",
        "OPENROUTER_API_KEY",
        (_model("meta-llama/llama-3.3-70b-instruct", None), _model("meta-llama/llama-3.1-8b-instruct", None)),
    ),
    ModelProvider(
        "openai", "OpenAI", "OPENAI_API_KEY", (_model("gpt-5-mini", 400_000, "0.25", "2"), _model("gpt-4o-mini", 128_000, "0.15", "0.60"))
    ),
    ModelProvider(
        "anthropic",
        "Anthropic",
        "ANTHROPIC_API_KEY",
        (_model("claude-haiku-4-5", 200_000, "1", "5"), _model("claude-sonnet-4-5", 200_000, "3", "15")),
    ),
    ModelProvider("deepseek", "DeepSeek", "DEEPSEEK_API_KEY", (_model("deepseek-chat", 64_000), _model("deepseek-reasoner", 64_000))),
    ModelProvider(
        "xai",
        "xAI",
        "XAI_API_KEY",
        (_model("grok-4-fast-non-reasoning", 2_000_000, "0.20", "0.50"), _model("grok-3-mini", 131_072, "0.30", "0.50")),
    ),
    ModelProvider("ollama", "Ollama, on a machine of your own", "OLLAMA_BASE_URL", (_model("llama3.1", 131_072),)),
)
_BY_ID = {provider.id: provider for provider in PROVIDERS}


def choose_provider(settings: Settings, named: str | None = None) -> ModelProvider:
    """Return the provider that the caller named, else the server's default, else the built-in rules.

    Raises MODEL_NOT_CONFIGURED for a name that is unknown (with the known ones), not configured (with the variable to
    set), or configured but not answered by this version.
    """
    wanted = (named or "").strip() or str(settings.get(DEFAULT_VARIABLE) or "").strip() or PROVIDER
    provider = _BY_ID.get(wanted.lower())
    if provider is None:
        known = list(_BY_ID)
        message = f"Unknown model provider: {wanted[:40]}. Known ones are {', '.join(known)}"
        raise DomainError(ErrorCode.MODEL_NOT_CONFIGURED, message, provider=wanted[:40], known=known)
    if not provider.is_configured(settings):
        message = f"Model provider {provider.id} is not configured: set {provider.variable}"
        raise DomainError(ErrorCode.MODEL_NOT_CONFIGURED, message, provider=provider.id, variable=provider.variable)
    if provider.id not in ANSWERING:
        message = (
            f"{provider.variable} is set, but this version answers with its rule-based analysts only: "
            f"name {PROVIDER} as the model provider, or name none and leave {DEFAULT_VARIABLE} unset"
        )
        raise DomainError(ErrorCode.MODEL_NOT_CONFIGURED, message, provider=provider.id, answering=sorted(ANSWERING))
    return provider


def providers_document(settings: Settings, number: Numeral = plain) -> dict[str, object]:
    """Return the catalogue as clients see it; `default_provider` is what a run that names none is given, null if that is refused."""
    try:
        default = choose_provider(settings)
    except DomainError:
        default = None
    return {
        "providers": [
            {
                "id": provider.id,
                "name": provider.name,
                "configured": provider.is_configured(settings),
                "variable": provider.variable,
                "default_model": provider.default_model,
                "models": [
                    {
                        "name": model.name,
                        "context_window": model.context_window,
                        "input_price": None if model.input_price is None else number(model.input_price),
                        "output_price": None if model.output_price is None else number(model.output_price),
                    }
                    for model in provider.models
                ],
            }
            for provider in PROVIDERS
        ],
        "default_provider": default and default.id,
        "default_model": default and default.default_model,
    }
