"""Model providers: whoever names one gets that one or a clear refusal, never another in its place."""

import pytest

from domain.analysts.providers import ANSWERING, PROVIDERS, ModelProvider, choose_provider, providers_document
from domain.kernel.errors import DomainError, ErrorCode

KEYED = [(provider, provider.variable) for provider in PROVIDERS if provider.variable]


def refusal(settings: dict[str, object], named: str | None) -> DomainError:
    with pytest.raises(DomainError) as raised:
        choose_provider(settings, named)
    assert raised.value.code is ErrorCode.MODEL_NOT_CONFIGURED
    return raised.value


def test_catalogue_holds_the_known_providers() -> None:
    assert [provider.id for provider in PROVIDERS] == [
        "rule_based", "groq", "gemini", "openrouter", "openai", "anthropic", "deepseek", "xai", "ollama",
    ]  # fmt: skip
    assert len({provider.variable for provider in PROVIDERS}) == len(PROVIDERS)


@pytest.mark.parametrize("named", [None, "", "  ", "rule_based", "Rule_Based"])
def test_built_in_rules_need_no_key(named: str | None) -> None:
    assert choose_provider({}, named).id == "rule_based"


@pytest.mark.parametrize("settings", [{}, {"GROQ_API_KEY": ""}, {"GROQ_API_KEY": None}])
def test_empty_key_is_no_key(settings: dict[str, object]) -> None:
    assert refusal(settings, "groq").message == "Model provider groq is not configured: set GROQ_API_KEY"


@pytest.mark.parametrize(("provider", "variable"), KEYED)
def test_unconfigured_provider_is_refused_with_its_variable(provider: ModelProvider, variable: str) -> None:
    error = refusal({}, provider.id)
    assert error.message == f"Model provider {provider.id} is not configured: set {variable}"
    assert error.details == {"provider": provider.id, "variable": variable}
    assert error.code.api_v1 == error.code.v1 == 422


@pytest.mark.parametrize(("provider", "variable"), [row for row in KEYED if row[0].id not in ANSWERING])
def test_configured_provider_that_cannot_answer_yet_says_so(provider: ModelProvider, variable: str) -> None:
    error = refusal({variable: "a key"}, provider.id)
    assert error.message.startswith(f"{variable} is set, but this version answers with its rule-based analysts only")
    assert "a key" not in error.message


def test_unknown_provider_is_refused_with_the_known_ones() -> None:
    error = refusal({}, "skynet")
    assert error.message.startswith("Unknown model provider: skynet. Known ones are rule_based, groq, ")
    assert error.details["known"] == [provider.id for provider in PROVIDERS]


def test_default_provider_is_held_to_the_same_rule() -> None:
    default: dict[str, object] = {"DEFAULT_MODEL_PROVIDER": "groq"}
    assert refusal(default, None).details["variable"] == "GROQ_API_KEY"
    assert choose_provider(default, "rule_based").id == "rule_based"
    assert providers_document(default)["default_provider"] is None


def test_catalogue_for_clients_shows_models_prices_and_the_default() -> None:
    document = providers_document({"GROQ_API_KEY": "k"})
    assert (document["default_provider"], document["default_model"]) == ("rule_based", "rule_based@1")
    rows = {row["id"]: row for row in document["providers"]}  # type: ignore[attr-defined]
    assert [id for id, row in rows.items() if row["configured"]] == ["rule_based", "groq"]
    assert rows["groq"]["models"][0] == {
        "name": "llama-3.3-70b-versatile",
        "context_window": 131072,
        "input_price": "0.59",
        "output_price": "0.79",
    }
    assert rows["ollama"]["models"][0]["input_price"] is None
    assert rows["rule_based"]["models"][0]["input_price"] == "0"
