"""Chooses the form of a GraphQL answer from the Accept header, as the GraphQL over HTTP specification asks."""

from enum import Enum


class Form(Enum):
    """What an answer can be sent as; the value is its media type."""

    RESPONSE = "application/graphql-response+json"
    JSON = "application/json"
    EVENTS = "text/event-stream"


def chosen_form(accept: str | None) -> Form | None:
    """Return the form the client prefers, None if it takes none of them.

    A client that does not say, or takes anything, gets `application/json`, which the oldest clients expect. Event streams go only to
    those who name them.
    """
    weights = _weights(accept or "*/*")
    anything = max(weights.get("*/*", 0.0), weights.get("application/*", 0.0))
    offered = (
        (Form.EVENTS, weights.get(Form.EVENTS.value, 0.0)),
        (Form.RESPONSE, weights.get(Form.RESPONSE.value, 0.0)),
        (Form.JSON, weights.get(Form.JSON.value, anything)),
        (Form.RESPONSE, weights.get(Form.RESPONSE.value, anything)),
    )
    form, weight = max(offered, key=lambda offer: offer[1])  # the first of equals
    return form if weight > 0 else None


def _weights(accept: str) -> dict[str, float]:
    weights: dict[str, float] = {}
    for part in accept.split(","):
        kind, *parameters = (word.strip().lower() for word in part.split(";"))
        written = next((word[2:] for word in parameters if word.startswith("q=")), "1")
        try:
            weights[kind] = float(written)
        except ValueError:
            weights[kind] = 0.0
    return weights
