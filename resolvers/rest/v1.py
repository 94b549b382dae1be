"""Every route under /v1, one row each."""

from domain.accounts import open_sessions
from domain.accounts import service as accounts
from domain.trading import changing, records
from resolvers.rest.accounts import revoke_sessions
from resolvers.rest.audit import security_logs
from resolvers.rest.endpoint import Call, bind
from resolvers.rest.trading_v1 import amend_order, list_net_positions
from schema.rest.accounts import (
    ChangePasswordBody,
    LoginBodyV1,
    LogoutBody,
    OpenSessionView,
    RefreshBody,
    RegisterBodyV1,
    RevokeBody,
    RevokedView,
    SessionView,
    UserView,
)
from schema.rest.audit import AuditLogsView
from schema.rest.dialects import V1
from schema.rest.trading_v1 import AmendBody, CancelledView, Filter, NetPositionView, OrderBodyV1, TradeView

AUTH = [
    Call("POST", "/auth/login", accounts.log_in, SessionView, public=True, body=LoginBodyV1, form=True),
    Call("POST", "/auth/register", accounts.register, UserView, status=201, public=True, body=RegisterBodyV1),
    Call("POST", "/auth/refresh", accounts.refresh, SessionView, public=True, body=RefreshBody, form=True),
    Call("POST", "/auth/logout", accounts.log_out, body=LogoutBody | None, answer={"message": "Successfully logged out"}),
    Call("GET", "/auth/me", accounts.get_me, UserView),
    Call(
        "PUT",
        "/auth/change-password",
        accounts.change_password,
        body=ChangePasswordBody,
        answer={"message": "Password changed successfully"},
    ),
]

TRADING = [
    Call("GET", "/trading/positions", list_net_positions, list[NetPositionView]),
    Call("POST", "/trading/orders", records.place_and_read, TradeView, status=201, body=OrderBodyV1),
    Call("GET", "/trading/orders", records.order_records, list[TradeView], types={"status": Filter}, defaults={"limit": 50}),
    Call("GET", "/trading/orders/{order_id}", records.order_record, TradeView),
    Call("PUT", "/trading/orders/{order_id}", amend_order, TradeView, body=AmendBody),
    Call("DELETE", "/trading/orders/{order_id}", changing.cancel_order, CancelledView),
]

SECURITY = [
    Call("GET", "/security/sessions", open_sessions.list_sessions, list[OpenSessionView], defaults={"limit": 50}),
    Call("GET", "/security/logs", security_logs, AuditLogsView),
    Call("POST", "/security/sessions/revoke", revoke_sessions, RevokedView, body=RevokeBody),
]

CALLS = [*AUTH, *TRADING, *SECURITY]
V1_ROWS = bind(CALLS, V1)
