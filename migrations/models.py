"""Every module with tables, so that the metadata is complete wherever this is imported."""

from domain.accounts import models as accounts
from domain.analysts import models as analysts
from domain.audit import models as audit
from domain.flows import models as flows
from domain.plans import models as plans
from domain.risk import models as risk
from domain.runtime import event_log, idempotency, leases, outbox
from domain.runtime.database import Base
from domain.trading import models as trading
from domain.wallets import models as wallets

MODULES = (accounts, analysts, audit, event_log, flows, idempotency, leases, outbox, plans, risk, trading, wallets)

__all__ = ["MODULES", "Base"]
