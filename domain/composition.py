"""Builds a runtime from the settings: here, and only here, is decided which implementation stands behind each port."""

from datetime import datetime
from functools import partial
from pathlib import Path

from domain.accounts.guard import administrators
from domain.accounts.mail import FileMailer, Mailer
from domain.accounts.models import User
from domain.accounts.parts import AccountParts
from domain.accounts.passwords import Passwords
from domain.accounts.service import ON_ACCOUNT_CLOSED, ON_REGISTERED
from domain.accounts.smtp import MailServer, SmtpMailer
from domain.audit.recording import Watchers, audited, entry_of
from domain.exchanges.ccxt_clients import Connection
from domain.exchanges.ccxt_venue import CcxtVenue
from domain.exchanges.liquidity import BookLiquidity, DeepLiquidity
from domain.exchanges.venue import Venue, Venues
from domain.flows.owners import stop_flows_of
from domain.flows.statistics import count_closed_position
from domain.kernel.clock import AcceleratedClock, Clock, SystemClock, as_utc
from domain.market.market import Market
from domain.market.replay import ReplaySource, replay_window
from domain.market.simulated import SimulatedSource
from domain.market.source import MarketSource
from domain.notifications.models import Webhook
from domain.notifications.sender import WebhookSender
from domain.notifications.telling import react_to_events
from domain.runtime.addresses import AllowedTargets, parse_address
from domain.runtime.database import Database
from domain.runtime.encryption import KeyRing
from domain.runtime.event_bus import EventBus, MemoryEventBus, RedisEventBus
from domain.runtime.operation import Operation
from domain.runtime.rate_limits import MemoryRateLimiter, RateLimiter, Unlimited
from domain.runtime.redis_rate_limits import RedisRateLimiter
from domain.runtime.rotation import Rotated, Sealed, rotate
from domain.runtime.runtime import Runtime
from domain.runtime.settings import Settings
from domain.runtime.unit_of_work import UnitOfWork
from domain.security_alerts.raising import ADMINISTRATORS
from domain.security_alerts.watching import watch_entry
from domain.trading.booking import ON_POSITION_CLOSED
from domain.trading.faulty_venue import FaultyVenue
from domain.trading.paper_venue import PaperVenue
from domain.trading.wallets import uses_of
from domain.wallets.connecting import address_of, credentials_of
from domain.wallets.definitions import VenueTargets
from domain.wallets.models import Credential
from domain.wallets.rules import PAPER_VENUE, SANDBOX
from domain.wallets.service import open_paper_wallet
from domain.wallets.uses import USES_OF

SYSTEM_CLOCK = SystemClock()
# Indicators need 50 candles and the day before; a replay starts with plenty behind it.
CANDLES_BEFORE_REPLAY = 200


async def _give_paper_wallet(work: UnitOfWork, user: User) -> None:
    await open_paper_wallet(work, user)


ON_REGISTERED.append(_give_paper_wallet)
ON_ACCOUNT_CLOSED.append(stop_flows_of)
ON_POSITION_CLOSED.append(count_closed_position)
ADMINISTRATORS.append(administrators)
USES_OF.append(uses_of)


# Everything that is kept encrypted: what `rotate_keys` seals anew.
SEALED = (Sealed(Webhook, Webhook.secret), Sealed(Credential, Credential.secrets))


async def compose(settings: Settings, clock: Clock = SYSTEM_CLOCK) -> Runtime:
    """Return a runtime for the event loop that calls this; nothing runs before `start`.

    Raises ValueError, with a sentence for the operator, for a setting that names something which does not exist.
    """
    market = Market(_market_source(settings, clock))
    runtime = Runtime(settings, clock, Database(settings.effective_database_url, settings.database_pool_size), _bus(settings))
    runtime.rate_limiter = _rate_limiter(settings)
    runtime.provide(Market, market)
    provide_trading(runtime)
    provide_exchanges(runtime)
    runtime.provide(AccountParts, AccountParts(Passwords(), _mailer(settings)))
    provide_notifications(runtime)
    provide_security(runtime)
    return runtime


def provide_trading(runtime: Runtime) -> None:
    """Provide the paper venue; the market must have been provided before. Raises ValueError for settings that cannot be read."""
    runtime.provide(Venues, Venues({PAPER_VENUE: FaultyVenue(_paper_venue(runtime), runtime.database, runtime.clock)}))
    runtime.provide(VenueTargets, VenueTargets(AllowedTargets.parse(runtime.settings.venue_allow_private, "VENUE_ALLOW_PRIVATE")))


def provide_exchanges(runtime: Runtime) -> None:
    """Have real exchanges connected when a wallet first needs one: any that ccxt knows, by the slug of the wallet's definition."""
    allowed = runtime.use(VenueTargets).allowed

    def refusal_of(host: str, address: str) -> str | None:
        return allowed.refusal_of(host, parse_address(address))

    def connect(venue_slug: str) -> Venue:
        connection = Connection(
            sandbox=venue_slug.endswith(SANDBOX), address_of=partial(address_of, runtime, venue_slug), refusal_of=refusal_of
        )
        return CcxtVenue(venue_slug.removesuffix(SANDBOX), partial(credentials_of, runtime), runtime.clock, connection)

    runtime.use(Venues).connect_with(connect)


def provide_notifications(runtime: Runtime) -> None:
    """Provide what webhooks need, and have everybody told what happens. Raises ValueError for settings that cannot be read."""
    runtime.provide(KeyRing, KeyRing.of(runtime.settings))
    runtime.provide(WebhookSender, WebhookSender(AllowedTargets.parse(runtime.settings.webhook_allow_private, "WEBHOOK_ALLOW_PRIVATE")))
    react_to_events(runtime)


def provide_security(runtime: Runtime) -> None:
    """Have the audit log watched for what people should be warned of."""
    runtime.lasting(Watchers).all.append(watch_entry)


@audited("encryption_key.rotate")
async def rotate_keys(operation: Operation) -> list[Rotated]:
    """Seal all stored secrets anew with the first key of the ring, while servers go on; returns what was done in each table."""
    done = [await rotate(operation.unrecorded(), place) for place in SEALED]
    record = entry_of(operation)
    record.about(operation.use(KeyRing).newest)
    record.add(**{one.table: {"rotated": one.rotated, "unreadable": len(one.unreadable)} for one in done})
    return done


async def start(runtime: Runtime) -> None:
    """Open what a server or worker needs while it runs."""
    await runtime.bus.start()
    await runtime.use(Market).start()


async def dispose(runtime: Runtime) -> None:
    """Close everything, whether started or not."""
    await runtime.use(AccountParts).key_uses.settle()
    await runtime.use(Venues).close()
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


def _paper_venue(runtime: Runtime) -> PaperVenue:
    settings = runtime.settings
    model = DeepLiquidity(settings.paper_slippage_rate) if settings.paper_liquidity == "deep" else BookLiquidity()
    return PaperVenue(
        runtime.use(Market),
        runtime.database,
        runtime.clock,
        model,
        maker_rate=settings.paper_maker_fee_rate,
        taker_rate=settings.paper_taker_fee_rate,
        seed=settings.market_seed,
    )


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
