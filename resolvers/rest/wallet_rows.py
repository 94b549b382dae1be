"""Routes under /api/v1 of wallets: where they can be opened, the keys they need, and what is done with them; one row each."""

from domain.trading import paper_faults, wallet_syncing, wallets
from domain.trading.paper_faults import WalletFaults
from domain.wallets import connecting, credentials, definitions, opening
from domain.wallets import relations as wallet_relations
from domain.wallets.connecting import ConnectionTest
from resolvers.rest.endpoint import Call
from resolvers.rest.wallets import create_and_read, update_and_read
from schema.rest.credentials import CredentialBody, CredentialChangesBody, CredentialTestView, CredentialView
from schema.rest.wallets import (
    AddBalanceBody,
    AddedBalanceView,
    BalanceSyncView,
    DeletedWalletDefinitionView,
    SyncLogView,
    UserWalletView,
    WalletBody,
    WalletChangesBody,
    WalletDefinitionView,
)

WALLETS = [
    Call("POST", "/wallets/definitions", definitions.create_wallet_definition, WalletDefinitionView, status=201),
    Call("GET", "/wallets/definitions", definitions.list_wallet_definitions, list[WalletDefinitionView]),
    Call("GET", "/wallets/definitions/{slug}", definitions.get_wallet_definition, WalletDefinitionView),
    Call("PATCH", "/wallets/definitions/{slug}", definitions.update_wallet_definition, WalletDefinitionView),
    Call("DELETE", "/wallets/definitions/{slug}", definitions.delete_wallet_definition, DeletedWalletDefinitionView),
    Call("POST", "/wallets/credentials", credentials.create_credential, CredentialView, status=201, body=CredentialBody),
    Call("GET", "/wallets/credentials", credentials.list_credentials, list[CredentialView]),
    Call("GET", "/wallets/credentials/{credentials_id}", credentials.get_credential, CredentialView),
    Call("PATCH", "/wallets/credentials/{credentials_id}", credentials.update_credential, CredentialView, body=CredentialChangesBody),
    Call(
        "DELETE",
        "/wallets/credentials/{credentials_id}",
        credentials.delete_credential,
        answer={"message": "Credentials deleted successfully", "credentials_id": "{credentials_id}"},
    ),
    Call("POST", "/wallets/credentials/{credentials_id}/test", connecting.test_credential, CredentialTestView),
]

USER_WALLETS = [
    Call("POST", "/user-wallets", create_and_read, UserWalletView, status=201, body=WalletBody),
    Call("GET", "/user-wallets", wallets.list_wallet_records, list[UserWalletView]),
    Call("GET", "/user-wallets/{wallet_id}", wallets.get_wallet_record, UserWalletView),
    Call("PUT", "/user-wallets/{wallet_id}", update_and_read, UserWalletView, body=WalletChangesBody),
    Call("DELETE", "/user-wallets/{wallet_id}", opening.delete_wallet, status=204),
    Call("POST", "/user-wallets/{wallet_id}/test-connection", connecting.test_connection, ConnectionTest),
    Call("POST", "/user-wallets/{wallet_id}/sync-balance", wallet_syncing.sync_balance, BalanceSyncView),
    Call("GET", "/user-wallets/{wallet_id}/sync-logs", wallet_relations.list_sync_logs, list[SyncLogView]),
    Call("POST", "/user-wallets/{wallet_id}/add-balance", opening.add_balance, AddedBalanceView, body=AddBalanceBody),
    Call("GET", "/user-wallets/{wallet_id}/faults", paper_faults.get_faults, WalletFaults),
    Call("PUT", "/user-wallets/{wallet_id}/faults", paper_faults.set_faults, WalletFaults),
    Call("DELETE", "/user-wallets/{wallet_id}/faults", paper_faults.clear_faults, status=204),
]
