"""Builds a runtime from the settings: here, and only here, is decided which implementation stands behind each port."""

from datetime import datetime
from pathlib import Path

from domain.accounts.guard import administrators
from domain.accounts.mail import FileMailer, Mailer
from domain.accounts.models import User
from domain.accounts.parts import AccountParts
from domain.accounts.passwords import Passwords
from domain.accounts.service import ON_ACCOUNT_CLOSED, ON_REGISTERED
from domain.accounts.smtp import MailServer, SmtpMailer
from domain.audit.recording import Watchers
from domain.exchanges.venue import Venues
from domain.flows.owners import stop_flows_of
from domain.flows.statistics import count_closed_position
from domain.kernel.clock import AcceleratedClock, Clock, SystemClock, as_utc
from domain.market.market import Market
from domain.market.replay import ReplaySource, replay_window
from domain.market.simulated import SimulatedSource
from domain.market.source import MarketSource
from domain.notifications.addresses import AllowedTargets
from domain.notifications.sender import WebhookSender
from domain.notifications.telling import react_to_events
from domain.runtime.database import Database
from domain.runtime.encryption import KeyRing
from domain.runtime.event_bus import EventBus, MemoryEventBus, RedisEventBus
from domain.runtime.rate_limits import MemoryRateLimiter, RateLimiter, Unlimited
from domain.runtime.redis_rate_limits import RedisRateLimiter
from domain.runtime.runtime import Runtime
from domain.runtime.settings import Settings
from domain.runtime.unit_of_work import UnitOfWork
from domain.security_alerts.raising import ADMINISTRATORS
from domain.security_alerts.watching import watch_entry
from domain.trading.booking import ON_POSITION_CLOSED
from domain.trading.paper_venue import PaperVenue
from domain.wallets.service import PAPER_SLUG, open_paper_wallet

SYSTEM_CLOCK = SystemClock()
# Indicators need 50 candles and the day before; a replay starts with plenty behind it.
CANDLES_BEFORE_REPLAY = 200


async def _give_paper_wallet(work: UnitOfWork, user: User) -> None:
    await open_paper_wallet(work, user)


ON_REGISTERED.append(_give_paper_wallet)
ON_ACCOUNT_CLOSED.append(stop_flows_of)
ON_POSITION_CLOSED.append(count_closed_position)
ADMINISTRATORS.append(administrators)


async def compose(settings: Settings, clock: Clock = SYSTEM_CLOCK) -> Runtime:
    """Return a runtime for the event loop that calls this; nothing runs before `start`.

    Raises ValueError, with a sentence for the operator, for a setting that names something which does not exist.
    """
    market = Market(_market_source(settings, clock))
    runtime = Runtime(settings, clock, Database(settings.effective_database_url, settings.database_pool_size), _bus(settings))
    runtime.rate_limiter = _rate_limiter(settings)
    runtime.provide(Market, market)
    provide_trading(runtime)
    runtime.provide(AccountParts, AccountParts(Passwords(), _mailer(settings)))
    provide_notifications(runtime)
    provide_security(runtime)
    return runtime


def provide_trading(runtime: Runtime) -> None:
    """Provide the venues; the market must have been provided before."""
    paper = PaperVenue(runtime.use(Market), runtime.database, runtime.clock)
    runtime.provide(Venues, Venues({PAPER_SLUG: paper}))


def provide_notifications(runtime: Runtime) -> None:
    """Provide what webhooks need, and have everybody told what happens. Raises ValueError for settings that cannot be read."""
    runtime.provide(KeyRing, KeyRing.of(runtime.settings))
    runtime.provide(WebhookSender, WebhookSender(AllowedTargets.parse(runtime.settings.webhook_allow_private)))
    react_to_events(runtime)


def provide_security(runtime: Runtime) -> None:
    """Have the audit log watched for what people should be warned of."""
    runtime.lasting(Watchers).all.append(watch_entry)


async def start(runtime: Runtime) -> None:
    """Open what a server or worker needs while it runs."""
    await runtime.bus.start()
    await runtime.use(Market).start()


async def dispose(runtime: Runtime) -> None:
    """Close everything, whether started or not."""
    await runtime.use(AccountParts).key_uses.settle()
    await runtime.use(Market).close()
    await runtime.bus.close()
    await runtime.rate_limiter.close()
    await runtime.database.close()


def _bus(settings: Settings) -> EventBus:
    return RedisEventBus(settings.redis_url, settings.redis_prefix) if settings.redis_url else MemoryEventBus()


def _rate_limiter(settings: Settings) -> RateLimiter:
    if not settings.rate_limits:
        return Unlimited()
    return RedisRateLimiter(settings.redis_url, settings.redis_prefix) if settings.redis_url else MemoryRateLimiter()


def _mailer(settings: Settings) -> Mailer:
    if settings.smtp_url is None:
        return FileMailer(settings.var_dir / "mail", settings.mail_from)
    return SmtpMailer(MailServer.parse(settings.smtp_url.get_secret_value()), settings.mail_from)


def _market_source(settings: Settings, clock: Clock) -> MarketSource:
    kind, _, folder = settings.market_source.partition(":")
    if settings.market_source == "simulated":
        return SimulatedSource(clock, settings.market_seed)
    if kind == "replay" and folder:
        return ReplaySource(folder, AcceleratedClock(clock, _replay_start(settings, folder), settings.market_replay_speed))
    raise ValueError(f"MARKET_SOURCE is {settings.market_source!r}; known are simulated and replay:<folder>")


def _replay_start(settings: Settings, folder: str) -> datetime:
    if settings.market_replay_start is None:
        return replay_window(Path(folder)).after(CANDLES_BEFORE_REPLAY)
    try:
        return as_utc(datetime.fromisoformat(settings.market_replay_start))
    except ValueError:
        raise ValueError(
            f"MARKET_REPLAY_START is {settings.market_replay_start!r}; a moment such as 2024-01-15T00:00:00Z is needed"
        ) from None
