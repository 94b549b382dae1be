"""What the arguments of GraphQL fields mean: one sentence for each name, since a name means the same everywhere."""

ARGUMENTS = {
    "after": "The `endCursor` of the page before.",
    "agent_role": "Only decisions of this stage, for instance `market_analyst`.",
    "all_sessions": "End all sessions of the user, not just this one.",
    "asset": "Only entries of this asset, for instance `USDT`.",
    "before": "The `startCursor` of the page behind, to read backward with `last`.",
    "email": "The address of the account, in any case.",
    "execution_id": "The id of a run.",
    "first": "How many objects to send: 1 to 100, 20 when left out.",
    "flow_id": "The id of a flow.",
    "id": "Its id.",
    "idempotency_key": "1 to 128 printable characters, good for 24 hours.",
    "input": "What it is to be.",
    "interval": "How long one candle lasts.",
    "is_active": "Only rules that count, or only those that do not.",
    "is_live": "Only orders that can still be filled, or only those that cannot.",
    "last": "How many objects to send when reading backward: 1 to 100.",
    "limit": "How many candles.",
    "order_id": "The id of an order.",
    "password": "The password of the account.",
    "plan_id": "The id of a plan.",
    "position_id": "The id of a position.",
    "refresh_token": "The refresh token received last.",
    "rule_id": "The id of a risk rule.",
    "status": "Only those with this status.",
    "stop_loss": "The price of the stop; null takes it away.",
    "subscription_id": "The id of a subscription to a plan.",
    "symbol": "Any spelling or alias of an instrument.",
    "symbols": "Any spellings or aliases of instruments.",
    "take_profit": "The price of the target; null takes it away.",
    "wallet_id": "The id of a wallet.",
}

# In subscriptions `after` is a place in the event log.
STREAM_ARGUMENTS = ARGUMENTS | {"after": "The `cursor` received last; left out, the stream begins with the current state."}
