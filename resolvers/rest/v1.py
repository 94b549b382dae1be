"""Every route under /v1, one row each."""

from domain.accounts import api_keys, assigning, open_sessions
from domain.accounts import service as accounts
from domain.devices import service as devices
from domain.plans.allowances import Traffic
from domain.price_alerts import service as price_alerts
from domain.security_alerts import service as security_alerts
from domain.trading import changing, grouping, records
from domain.trading.portfolio import PortfolioSummary, portfolio_summary
from resolvers.rest.accounts import replace_permissions, revoke_sessions
from resolvers.rest.audit import security_logs
from resolvers.rest.devices import heartbeat, update_device
from resolvers.rest.endpoint import Call, bind
from resolvers.rest.events import events_and_wait
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
from schema.rest.api_keys import ApiKeyView, CreatedApiKeyView
from schema.rest.audit import AuditLogsView
from schema.rest.devices import DeviceBody, DeviceChangesBody, DeviceView, RegisteredDeviceView, StatusWord, TypeWord
from schema.rest.dialects import V1
from schema.rest.events import EventPageView
from schema.rest.price_alerts import PriceAlertBody, PriceAlertCreatedView, PriceAlertSwitchBody, PriceAlertView
from schema.rest.roles import OwnPermissionsView, PermissionsChangedView
from schema.rest.security_alerts import SecurityAlertCreatedView, SecurityAlertView
from schema.rest.trading_v1 import AmendBody, CancelledView, Filter, NetPositionView, OcoBodyV1, OrderBodyV1, TradeGroupView, TradeView

AUTH = [
    Call("POST", "/auth/login", accounts.log_in, SessionView, public=True, body=LoginBodyV1, form=True, limits=Traffic.SIGN_IN),
    Call("POST", "/auth/register", accounts.register, UserView, status=201, public=True, body=RegisterBodyV1, limits=Traffic.SIGN_IN),
    Call("POST", "/auth/refresh", accounts.refresh, SessionView, public=True, body=RefreshBody, form=True, limits=Traffic.SIGN_IN),
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
    Call("GET", "/trading/positions", list_net_positions, list[NetPositionView], limits=Traffic.REALTIME),
    Call("GET", "/trading/portfolio-summary", portfolio_summary, PortfolioSummary, limits=Traffic.REALTIME),
    Call("POST", "/trading/orders", records.place_and_read, TradeView, status=201, body=OrderBodyV1, limits=Traffic.ORDERS),
    Call("GET", "/trading/orders", records.order_records, list[TradeView], types={"status": Filter}, defaults={"limit": 50}),
    Call("POST", "/trading/orders/oco", grouping.place_oco, TradeGroupView, status=201, body=OcoBodyV1, limits=Traffic.ORDERS),
    Call("GET", "/trading/orders/groups/{group_id}", grouping.order_group, TradeGroupView),
    Call("DELETE", "/trading/orders/groups/{group_id}", grouping.cancel_order_group, TradeGroupView, limits=Traffic.CANCELS),
    Call("GET", "/trading/orders/{order_id}", records.order_record, TradeView),
    Call("PUT", "/trading/orders/{order_id}", amend_order, TradeView, body=AmendBody, limits=Traffic.ORDERS),
    Call("DELETE", "/trading/orders/{order_id}", changing.cancel_order, CancelledView, limits=Traffic.CANCELS),
]

MARKET = [
    Call("POST", "/market/alerts", price_alerts.create_price_alert, PriceAlertCreatedView, status=201, body=PriceAlertBody),
    Call("GET", "/market/alerts", price_alerts.list_price_alerts, list[PriceAlertView]),
    Call("GET", "/market/alerts/{price_alert_id}", price_alerts.get_price_alert, PriceAlertView),
    Call("PUT", "/market/alerts/{price_alert_id}", price_alerts.switch_price_alert, PriceAlertView, body=PriceAlertSwitchBody),
    Call(
        "DELETE",
        "/market/alerts/{price_alert_id}",
        price_alerts.delete_price_alert,
        answer={"message": "Alert deleted successfully", "alert_id": "{price_alert_id}"},
    ),
]

IOT = [
    Call(
        "GET",
        "/iot/devices",
        devices.list_devices,
        list[DeviceView],
        types={"limit": devices.DeviceLimit, "type": TypeWord | None, "status": StatusWord | None},
    ),
    Call("POST", "/iot/devices", devices.register_device, RegisteredDeviceView, status=201, body=DeviceBody),
    Call("GET", "/iot/devices/{device_id}", devices.get_device, DeviceView),
    Call("PUT", "/iot/devices/{device_id}", update_device, DeviceView, body=DeviceChangesBody),
    Call(
        "DELETE",
        "/iot/devices/{device_id}",
        devices.delete_device,
        answer={"message": "Device deleted successfully", "device_id": "{device_id}"},
    ),
    Call("POST", "/iot/devices/{device_id}/key", devices.rotate_device_key, RegisteredDeviceView),
    Call("POST", "/iot/devices/{device_id}/heartbeat", heartbeat, DeviceView, public=True),
]

SECURITY = [
    Call("GET", "/security/sessions", open_sessions.list_sessions, list[OpenSessionView], defaults={"limit": 50}),
    Call("GET", "/security/logs", security_logs, AuditLogsView),
    Call("POST", "/security/alerts", security_alerts.create_alert, SecurityAlertCreatedView, status=201),
    Call("GET", "/security/alerts", security_alerts.list_alerts, list[SecurityAlertView]),
    Call("GET", "/security/alerts/{alert_id}", security_alerts.get_alert, SecurityAlertView),
    Call("PUT", "/security/alerts/{alert_id}/acknowledge", security_alerts.acknowledge_alert, SecurityAlertView),
    Call("PUT", "/security/alerts/{alert_id}/resolve", security_alerts.resolve_alert, SecurityAlertView),
    Call("GET", "/security/permissions", assigning.get_permissions, OwnPermissionsView),
    Call("PUT", "/security/permissions", replace_permissions, PermissionsChangedView),
    Call("POST", "/security/api-keys", api_keys.create_api_key, CreatedApiKeyView, status=201),
    Call("GET", "/security/api-keys", api_keys.list_api_keys, list[ApiKeyView], defaults={"limit": 50}),
    Call("GET", "/security/api-keys/{key_id}", api_keys.get_api_key, ApiKeyView),
    Call("DELETE", "/security/api-keys/{key_id}", api_keys.revoke_api_key, answer={"message": "API key revoked", "key_id": "{key_id}"}),
    Call("POST", "/security/sessions/revoke", revoke_sessions, RevokedView, body=RevokeBody),
]

EVENTS = [Call("GET", "/events", events_and_wait, EventPageView, limits=Traffic.REALTIME)]

CALLS = [*AUTH, *TRADING, *MARKET, *IOT, *SECURITY, *EVENTS]
V1_ROWS = bind(CALLS, V1)
