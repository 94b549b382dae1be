"""Every module with tables, so that the metadata is complete wherever this is imported."""

from domain.accounts import models as accounts
from domain.analysts import models as analysts
from domain.audit import models as audit
from domain.devices import models as devices
from domain.flows import models as flows
from domain.notifications import models as notifications
from domain.plans import models as plans
from domain.price_alerts import models as price_alerts
from domain.risk import models as risk
from domain.runtime import event_log, idempotency, leases, outbox
from domain.runtime.database import Base
from domain.security_alerts import models as security_alerts
from domain.trading import models as trading
from domain.trading import paper_fault_models as paper_faults
from domain.trading import paper_models as paper
from domain.wallets import models as wallets

MODULES = (
    accounts,
    analysts,
    audit,
    devices,
    event_log,
    flows,
    idempotency,
    leases,
    notifications,
    outbox,
    paper,
    paper_faults,
    plans,
    price_alerts,
    risk,
    security_alerts,
    trading,
    wallets,
)

__all__ = ["MODULES", "Base"]
