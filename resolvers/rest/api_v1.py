"""Every route under /api/v1, one row each."""

from domain.accounts import administration, api_keys, assigning, open_sessions, permissions, roles
from domain.accounts import service as accounts
from domain.analysts import conversations
from domain.exchanges.venue import Side
from domain.flows import service as flows
from domain.flows import triggering
from domain.kernel.errors import ErrorCode
from domain.market import service as market
from domain.notifications import preferences, webhooks
from domain.notifications import service as notifications
from domain.notifications.service import UnreadCount
from domain.plans import catalogue as plans
from domain.plans import service as subscriptions
from domain.risk import relations as risk_relations
from domain.risk import service as risk
from domain.risk import switch
from domain.trading import (
    amending,
    changing,
    closing,
    flattening,
    grouping,
    halting,
    judging,
    margins,
    monitoring,
    records,
)
from domain.trading.changing import OrdersCancelled
from domain.trading.closing import PositionClosed
from domain.trading.flattening import Flattened
from domain.trading.models import OrderPurpose, PositionStatus
from domain.trading.monitoring import PositionMonitored
from domain.trading.previewing import OrderPreview
from resolvers.rest.audit import audit_entries
from resolvers.rest.endpoint import Call, bind
from resolvers.rest.events import events_and_wait
from resolvers.rest.flows import trigger_and_wait
from resolvers.rest.market import as_spelled
from resolvers.rest.trading import preview_order
from resolvers.rest.wallet_rows import USER_WALLETS, WALLETS
from schema.realtime import conversation_view, voting_view
from schema.rest.accounts import (
    DeletedUserView,
    ForgotPasswordBody,
    LoginBody,
    LogoutBody,
    OpenSessionView,
    ProfileBody,
    ProfileView,
    RefreshBody,
    RegisterBody,
    RegisteredView,
    ResetPasswordBody,
    TokensView,
    UserListItemView,
)
from schema.rest.api_keys import ApiKeyView, CreatedApiKeyView
from schema.rest.audit import AuditEntryView
from schema.rest.dialects import API_V1
from schema.rest.events import EventPageView
from schema.rest.flows import DecisionView, ExecutionView, FlowView
from schema.rest.market import CandleLimit, IndicatorLimit, IndicatorsView, OHLCView, PriceView, TickerView
from schema.rest.notifications import (
    DeliveryView,
    NotificationView,
    PreferencesView,
    ReadAllView,
    WebhookView,
    WebhookWithSecretView,
    new_delivery_view,
)
from schema.rest.orders import CancelledOrderView, MonitoredOrderView, OcoBody, OrderBody, OrderChangesBody, OrderGroupView, OrderView
from schema.rest.plans import PlanView, SubscriptionView
from schema.rest.positions import PositionView, ProtectionBody
from schema.rest.risk import (
    RuleBody,
    RuleChangesBody,
    RuleView,
    SwitchBody,
    SwitchChangeView,
    SwitchStandingView,
    TradingSwitchView,
    ValidationView,
    VerdictView,
)
from schema.rest.roles import ActiveBody, AssignedRoleBody, PermissionView, RoleView

AUTH = [
    Call("POST", "/auth/register", accounts.register, RegisteredView, status=201, public=True, body=RegisterBody),
    Call("POST", "/auth/login", accounts.log_in, TokensView, public=True, body=LoginBody),
    Call("POST", "/auth/refresh", accounts.refresh, TokensView, public=True, body=RefreshBody),
    Call("POST", "/auth/logout", accounts.log_out, body=LogoutBody | None, answer={"message": "Successfully logged out"}),
    Call("GET", "/auth/verify-email", accounts.verify_email, public=True, answer={"message": "Email verified successfully"}),
    Call(
        "POST",
        "/auth/resend-verification",
        accounts.resend_verification,
        public=True,
        body=ForgotPasswordBody,
        answer={"message": "If an account with this address waits to be confirmed, another link is on its way"},
    ),
    Call(
        "POST",
        "/auth/forgot-password",
        accounts.forgot_password,
        public=True,
        body=ForgotPasswordBody,
        answer={"message": "If an account has this address, a link to set a new password is on its way"},
    ),
    Call(
        "POST",
        "/auth/reset-password",
        accounts.reset_password,
        public=True,
        body=ResetPasswordBody,
        answer={"message": "Password has been reset"},
    ),
]

USERS = [
    Call("GET", "/users/me", accounts.get_me, ProfileView),
    Call("PUT", "/users/me", accounts.update_me, ProfileView, body=ProfileBody),
    Call("DELETE", "/users/me", accounts.delete_me, DeletedUserView),
    Call("GET", "/users/me/sessions", open_sessions.list_sessions, list[OpenSessionView]),
    Call(
        "DELETE",
        "/users/me/sessions/{session_id}",
        open_sessions.revoke_session,
        answer={"message": "Session revoked", "session_id": "{session_id}"},
    ),
    Call("DELETE", "/users/me/sessions", open_sessions.revoke_other_sessions, answer={"message": "Other sessions revoked"}),
    Call("GET", "/users", administration.list_users, list[UserListItemView]),
    Call("GET", "/users/{user_id}", administration.get_user, ProfileView),
    Call("PUT", "/users/{user_id}", administration.update_user, ProfileView, body=ProfileBody),
    Call(
        "DELETE",
        "/users/{user_id}",
        administration.delete_user,
        answer={"message": "User deleted successfully", "user_id": "{user_id}"},
    ),
    Call("PUT", "/users/{user_id}/role", assigning.assign_role, ProfileView, body=AssignedRoleBody),
    Call("PUT", "/users/{user_id}/active", administration.set_user_active, ProfileView, body=ActiveBody),
]

API_KEYS = [
    Call("POST", "/api-keys", api_keys.create_api_key, CreatedApiKeyView, status=201),
    Call("GET", "/api-keys", api_keys.list_api_keys, list[ApiKeyView]),
    Call("GET", "/api-keys/{key_id}", api_keys.get_api_key, ApiKeyView),
    Call("DELETE", "/api-keys/{key_id}", api_keys.revoke_api_key, answer={"message": "API key revoked", "key_id": "{key_id}"}),
]

ROLES = [
    Call("POST", "/roles", roles.create_role, RoleView, status=201),
    Call("GET", "/roles", roles.list_roles, list[RoleView]),
    Call("GET", "/roles/{role_id}", roles.get_role, RoleView),
    Call("PUT", "/roles/{role_id}", roles.update_role, RoleView),
    Call("DELETE", "/roles/{role_id}", roles.delete_role, answer={"message": "Role deleted successfully", "role_id": "{role_id}"}),
]

PERMISSIONS = [
    Call("POST", "/permissions", permissions.create_permission, PermissionView, status=201),
    Call("GET", "/permissions", permissions.list_permissions, list[PermissionView]),
    Call("GET", "/permissions/{permission_id}", permissions.get_permission, PermissionView),
    Call("PUT", "/permissions/{permission_id}", permissions.update_permission, PermissionView),
    Call(
        "DELETE",
        "/permissions/{permission_id}",
        permissions.delete_permission,
        answer={"message": "Permission deleted successfully", "permission_id": "{permission_id}"},
    ),
]

FLOWS = [
    Call("POST", "/flows", flows.create_flow, FlowView, status=201),
    Call("GET", "/flows", flows.list_flows, list[FlowView]),
    Call("GET", "/flows/{flow_id}", flows.get_flow, FlowView),
    Call("PATCH", "/flows/{flow_id}", flows.update_flow, FlowView),
    Call("DELETE", "/flows/{flow_id}", flows.delete_flow, status=204),
    Call("POST", "/flows/{flow_id}/start", triggering.start_flow, FlowView),
    Call("POST", "/flows/{flow_id}/stop", triggering.stop_flow, FlowView),
    Call("POST", "/flows/{flow_id}/trigger", trigger_and_wait, ExecutionView),
    Call("GET", "/flows/{flow_id}/executions", flows.list_flow_executions, list[ExecutionView]),
    Call("GET", "/flows/executions/all", flows.list_executions, list[ExecutionView]),
    Call("GET", "/flows/executions/{execution_id}", flows.get_execution, ExecutionView),
    Call("DELETE", "/flows/executions/{execution_id}", flows.delete_execution, status=204),
    Call("DELETE", "/flows/executions", flows.delete_executions, status=204),
    Call("GET", "/flows/agent-decisions/all", flows.list_decisions, list[DecisionView]),
]

# A symbol may hold a slash as it stands, encoded, or left out.
UNKNOWN_IS_404 = {ErrorCode.UNKNOWN_SYMBOL: 404}
MARKET = [
    Call(
        "GET",
        "/market/ohlc/{symbol:path}",
        as_spelled(market.get_ohlc),
        OHLCView,
        public=True,
        types={"limit": CandleLimit},
        statuses=UNKNOWN_IS_404,
    ),
    Call("GET", "/market/ticker/{symbol:path}", as_spelled(market.get_ticker), TickerView, public=True, statuses=UNKNOWN_IS_404),
    Call("GET", "/market/price/{symbol:path}", as_spelled(market.get_price), PriceView, public=True, statuses=UNKNOWN_IS_404),
    Call(
        "GET",
        "/market/indicators/{symbol:path}",
        as_spelled(market.get_indicators),
        IndicatorsView,
        public=True,
        types={"limit": IndicatorLimit},
        statuses=UNKNOWN_IS_404,
    ),
]

ORDERS = [
    Call("POST", "/orders", records.place_and_read, OrderView, status=201, body=OrderBody),
    Call("GET", "/orders", records.order_records, list[OrderView]),
    Call("GET", "/orders/preview", preview_order, OrderPreview),
    Call("POST", "/orders/oco", grouping.place_oco, OrderGroupView, status=201, body=OcoBody),
    Call("GET", "/orders/groups/{group_id}", grouping.order_group, OrderGroupView),
    Call("POST", "/orders/groups/{group_id}/cancel", grouping.cancel_order_group, OrderGroupView),
    Call("POST", "/orders/cancel-all", changing.cancel_all_orders, OrdersCancelled),
    Call("GET", "/orders/by-client-id/{client_order_id}", records.order_record_by_client_id, OrderView),
    Call("GET", "/orders/{order_id}", records.order_record, OrderView),
    Call("PATCH", "/orders/{order_id}", amending.amend_order, OrderView, body=OrderChangesBody),
    Call("POST", "/orders/{order_id}/cancel", changing.cancel_order, CancelledOrderView),
    Call("POST", "/orders/{order_id}/monitor", changing.monitor_order, MonitoredOrderView),
]

POSITIONS = [
    Call("GET", "/positions", margins.position_records, list[PositionView], types={"status": PositionStatus | None}),
    Call("POST", "/positions/flatten", flattening.flatten_all, Flattened),
    Call("GET", "/positions/{position_id}", margins.position_record, PositionView),
    Call("PATCH", "/positions/{position_id}", margins.update_and_read, PositionView, body=ProtectionBody),
    Call("POST", "/positions/{position_id}/close", closing.close_position, PositionClosed, given={"reason": OrderPurpose.MANUAL_CLOSE}),
    Call("POST", "/positions/{position_id}/monitor", monitoring.monitor_position, PositionMonitored),
]

RISK_RULES = [
    Call("POST", "/risk-rules", risk.create_rule, RuleView, status=201, body=RuleBody),
    Call("GET", "/risk-rules", risk.list_rules, list[RuleView]),
    Call("GET", "/risk-rules/validate", judging.validate_trade, ValidationView, types={"side": Side | None, "action": Side | None}),
    Call("GET", "/risk-rules/verdicts", risk_relations.list_verdicts, list[VerdictView]),
    Call("GET", "/risk-rules/{rule_id}", risk.get_rule, RuleView),
    Call("PATCH", "/risk-rules/{rule_id}", risk.update_rule, RuleView, body=RuleChangesBody),
    Call("DELETE", "/risk-rules/{rule_id}", risk.delete_rule, status=204),
]

TRADING_SWITCH = [
    Call("GET", "/trading-switch", switch.get_trading_switch, TradingSwitchView),
    Call("PUT", "/trading-switch", halting.set_trading_switch, TradingSwitchView, body=SwitchBody),
    Call("GET", "/trading-switch/global", switch.get_global_switch, SwitchStandingView),
    Call("PUT", "/trading-switch/global", halting.set_global_switch, SwitchStandingView, body=SwitchBody),
    Call("GET", "/trading-switch/changes", switch.list_switch_changes, list[SwitchChangeView]),
]

CONVERSATIONS = [
    Call("GET", "/conversations/{execution_id}", conversations.get_conversation, conversation_view),
    Call("GET", "/conversations/{conversation_id}/voting", conversations.get_voting, voting_view),
]

PLANS = [
    Call("POST", "/plans", plans.create_plan, PlanView, status=201),
    Call("GET", "/plans", plans.list_plans, list[PlanView]),
    Call("GET", "/plans/{plan_id}", plans.get_plan, PlanView),
    Call("PUT", "/plans/{plan_id}", plans.update_plan, PlanView),
    Call("DELETE", "/plans/{plan_id}", plans.delete_plan, answer={"message": "Plan deleted successfully", "plan_id": "{plan_id}"}),
]

USER_PLANS = [
    Call("POST", "/user-plans", subscriptions.create_subscription, SubscriptionView, status=201),
    Call("GET", "/user-plans/current", subscriptions.get_current_subscription, SubscriptionView),
    Call("GET", "/user-plans", subscriptions.list_subscriptions, list[SubscriptionView]),
    Call("GET", "/user-plans/{subscription_id}", subscriptions.get_subscription, SubscriptionView),
    Call("PUT", "/user-plans/{subscription_id}", subscriptions.update_subscription, SubscriptionView),
    Call("POST", "/user-plans/{subscription_id}/cancel", subscriptions.cancel_subscription, SubscriptionView),
    Call("POST", "/user-plans/{subscription_id}/renew", subscriptions.renew_subscription, SubscriptionView),
]

NOTIFICATIONS = [
    Call("POST", "/notifications", notifications.create_notification, NotificationView, status=201),
    Call("GET", "/notifications", notifications.list_notifications, list[NotificationView]),
    Call("GET", "/notifications/unread-count", notifications.count_unread, UnreadCount),
    Call("GET", "/notifications/preferences", preferences.get_preferences, PreferencesView),
    Call("PUT", "/notifications/preferences", preferences.update_preferences, PreferencesView),
    Call("GET", "/notifications/{notification_id}", notifications.get_notification, NotificationView),
    Call("POST", "/notifications/{notification_id}/read", notifications.mark_read, NotificationView),
    Call("POST", "/notifications/read-all", notifications.mark_all_read, ReadAllView),
    Call(
        "DELETE",
        "/notifications/{notification_id}",
        notifications.delete_notification,
        answer={"message": "Notification deleted successfully", "notification_id": "{notification_id}"},
    ),
]

WEBHOOKS = [
    Call("POST", "/webhooks", webhooks.create_webhook, WebhookWithSecretView, status=201),
    Call("GET", "/webhooks", webhooks.list_webhooks, list[WebhookView]),
    Call("GET", "/webhooks/{webhook_id}", webhooks.get_webhook, WebhookView),
    Call("PATCH", "/webhooks/{webhook_id}", webhooks.update_webhook, WebhookView),
    Call(
        "DELETE",
        "/webhooks/{webhook_id}",
        webhooks.delete_webhook,
        answer={"message": "Webhook deleted successfully", "webhook_id": "{webhook_id}"},
    ),
    Call("POST", "/webhooks/{webhook_id}/rotate-secret", webhooks.rotate_webhook_secret, WebhookWithSecretView),
    Call("POST", "/webhooks/{webhook_id}/test", webhooks.test_webhook, new_delivery_view, status=202),
    Call("GET", "/webhooks/{webhook_id}/deliveries", webhooks.list_deliveries, list[DeliveryView]),
]

AUDIT = [
    Call("GET", "/audit", audit_entries, list[AuditEntryView]),
]

EVENTS = [Call("GET", "/events", events_and_wait, EventPageView)]

CALLS = [
    *AUTH,
    *USERS,
    *API_KEYS,
    *ROLES,
    *PERMISSIONS,
    *FLOWS,
    *MARKET,
    *ORDERS,
    *POSITIONS,
    *RISK_RULES,
    *TRADING_SWITCH,
    *WALLETS,
    *USER_WALLETS,
    *PLANS,
    *USER_PLANS,
    *NOTIFICATIONS,
    *WEBHOOKS,
    *CONVERSATIONS,
    *AUDIT,
    *EVENTS,
]
API_V1_ROWS = bind(CALLS, API_V1)
