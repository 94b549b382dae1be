"""Every setting of the server, read once from the environment into one frozen object."""

import contextlib
import os
import re
import secrets
from decimal import Decimal
from email.utils import parseaddr
from ipaddress import ip_network
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

WEAK_SECRETS = {"secret", "changeme", "change-me", "development", "password"}
MIN_SECRET_BYTES = 32


class Settings(BaseSettings):
    """Environment variables; the field's description is what `server.py --help` prints."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True)

    environment: Literal["development", "production"] = Field("development", description="production refuses generated and weak secrets")
    host: str = Field("127.0.0.1", description="address to listen on")
    port: int = Field(8000, ge=0, le=65535, description="port to listen on; 0 picks a free one")
    var_dir: Path = Field(Path("var"), description="where the server keeps its files")
    database_url: str = Field("", description="sqlite+aiosqlite:///… or postgresql+asyncpg://…; default: SQLite under VAR_DIR")
    database_pool_size: int = Field(16, ge=1, le=200, description="connections of one process to PostgreSQL")
    redis_url: str | None = Field(None, description="redis://…: bus and jobs go over Redis; unset: everything in this process")
    redis_prefix: str = Field("tradewind", description="prefix of every Redis key and channel")
    broker_url: str | None = Field(None, description="redis:// or amqp:// for jobs; default: REDIS_URL, else in this process")
    embedded_worker: bool | None = Field(None, description="run jobs in the server process; default: yes unless a broker is set")
    worker_threads: int = Field(16, ge=1, le=256, description="jobs that one worker process runs side by side")
    secret_key: SecretStr = Field(SecretStr(""), description="signs tokens, at least 32 bytes; development: generated once into VAR_DIR")
    encryption_keys: SecretStr = Field(
        SecretStr(""),
        description="name:key, …: base64 keys of 32 bytes for stored secrets, the one that seals first; default: from SECRET_KEY",
    )
    earlier_secret_keys: SecretStr | None = Field(
        None, description="comma list of the values that SECRET_KEY had before: what they sealed can still be read and checked"
    )
    admin_email: str | None = Field(None, description="with ADMIN_PASSWORD: the superuser made at first start")
    admin_password: SecretStr | None = Field(None, description="see ADMIN_EMAIL")
    access_token_minutes: int = Field(30, ge=1, le=1440, description="life of an access token")
    refresh_token_days: int = Field(7, ge=1, le=90, description="life of a refresh token")
    smtp_url: SecretStr | None = Field(
        None, description="smtp://, smtp+starttls:// or smtps://user:password@host:port; default: mail is written into VAR_DIR/mail"
    )
    mail_from: str = Field("Tradewind <no-reply@tradewind.invalid>", description="sender of mail")
    public_url: str = Field("", description="where people reach this server, for links in mail; default: http://HOST:PORT")
    front_end_url: str = Field("", description="where /reset-password asks for a new password; default: the first of ALLOWED_ORIGINS")
    webhook_allow_private: str = Field(
        "", description="comma list of hosts, addresses and networks that webhooks may call although they are not public"
    )
    venue_allow_private: str = Field(
        "", description="comma list of hosts, addresses and networks where exchanges may be reached although they are not public"
    )
    market_source: str = Field("simulated", description="simulated, or replay:<folder>")
    market_seed: int = Field(7, description="seed of the simulated market")
    market_replay_speed: float = Field(1.0, gt=0, le=1_000_000, description="recorded seconds per second of a replay")
    market_replay_start: str | None = Field(None, description="first moment of a replay (RFC 3339); default: 200 candles into the data")
    paper_liquidity: Literal["book", "deep"] = Field(
        "book", description="what paper orders trade with: book (levels of limited depth), or deep (any size at one price)"
    )
    paper_slippage_rate: Decimal = Field(
        Decimal("0.0001"), ge=0, le=Decimal("0.1"), description="how far deep moves the price against the taker; 0.0001 is 0.01 %"
    )
    paper_maker_fee_rate: Decimal = Field(
        Decimal("0.001"), ge=Decimal("-0.1"), le=Decimal("0.1"), description="fee of paper orders that rested; below zero it is paid out"
    )
    paper_taker_fee_rate: Decimal = Field(Decimal("0.001"), ge=0, le=Decimal("0.1"), description="fee of other paper orders")
    default_model_provider: str | None = Field(
        None, description="provider of runs that name none; default: the built-in rule-based analysts"
    )
    groq_api_key: SecretStr | None = Field(None, description="for the provider groq, which no analyst of this version asks yet")
    openai_api_key: SecretStr | None = Field(None, description="for the provider openai, which no analyst of this version asks yet")
    anthropic_api_key: SecretStr | None = Field(None, description="for the provider anthropic, which no analyst of this version asks yet")
    gemini_api_key: SecretStr | None = Field(None, description="for the provider gemini, which no analyst of this version asks yet")
    openrouter_api_key: SecretStr | None = Field(None, description="for the provider openrouter, which no analyst of this version asks yet")
    deepseek_api_key: SecretStr | None = Field(None, description="for the provider deepseek, which no analyst of this version asks yet")
    xai_api_key: SecretStr | None = Field(None, description="for the provider xai, which no analyst of this version asks yet")
    ollama_base_url: str | None = Field(None, description="for the provider ollama, which no analyst of this version asks yet")
    lease_seconds: float = Field(15.0, ge=1, le=600, description="how long a silent worker keeps a run before another takes over")
    tick_seconds: float = Field(1.0, ge=0.05, le=60, description="pause between two rounds of the timetable")
    position_monitor_seconds: float = Field(2.0, ge=0.05, le=300, description="how often open positions are priced and stops checked")
    event_retention_days: int = Field(30, ge=1, le=3650, description="how long a stream can be resumed")
    allowed_origins: str = Field(
        "http://localhost:3000,http://localhost:5173", description="comma list of origins for CORS, Socket.IO and the sockets"
    )
    rate_limits: bool = Field(True, description="off: nobody is limited, for load tests")
    trusted_proxies: str = Field("", description="comma list of addresses and networks whose X-Forwarded-For is believed; default: none")
    login_limit_per_minute: int = Field(10, ge=1, description="log-ins tried from one address")
    login_limit_per_hour: int = Field(100, ge=1, description="log-ins tried from one address")
    registration_limit_per_hour: int = Field(20, ge=1, description="accounts made from one address")
    refresh_limit_per_minute: int = Field(60, ge=1, description="token refreshes from one address")
    mail_link_limit_per_hour: int = Field(30, ge=1, description="links asked for and links followed from one address, each")
    realtime_counts_to_hour: bool = Field(True, description="whether real-time requests of /v1 also count to the 1000 of the hour")
    max_body_bytes: int = Field(1_048_576, ge=1024, description="larger request bodies are refused with 413")
    graphql_max_depth: int = Field(12, ge=1, description="nesting of a GraphQL operation")
    graphql_max_aliases: int = Field(30, ge=1, description="aliases in a GraphQL operation")
    graphql_max_tokens: int = Field(2_000, ge=10, description="tokens in a GraphQL document")
    graphql_points: int = Field(1_000, ge=1, description="cost of GraphQL operations that a user (or an address) can spend at once")
    graphql_points_per_second: int = Field(50, ge=1, description="how much of it is given back each second")
    graphql_paid_points: int = Field(5_000, ge=1, description="the same for users with a paid plan")
    graphql_paid_points_per_second: int = Field(250, ge=1, description="the same for users with a paid plan, given back")
    graphql_max_subscriptions: int = Field(50, ge=1, description="live subscriptions on one socket")
    log_format: Literal["console", "json"] = Field("console", description="how log lines look")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="least severe line that is logged")

    @field_validator("database_url")
    @classmethod
    def _name_the_driver(cls, url: str) -> str:
        for short, full in (
            ("postgres://", "postgresql+asyncpg://"),
            ("postgresql://", "postgresql+asyncpg://"),
            ("sqlite://", "sqlite+aiosqlite://"),
        ):
            if url.startswith(short):
                return full + url.removeprefix(short)
        if url and not url.startswith(("postgresql+asyncpg://", "sqlite+aiosqlite://")):
            raise ValueError("sqlite+aiosqlite:///… or postgresql+asyncpg://… is needed")
        return url

    @field_validator("redis_url")
    @classmethod
    def _check_redis(cls, url: str | None) -> str | None:
        if url is not None and not url.startswith(("redis://", "rediss://", "unix://")):
            raise ValueError("redis://… is needed")
        return url

    @field_validator("mail_from")
    @classmethod
    def _check_sender(cls, sender: str) -> str:
        name, address = parseaddr(sender)
        if not re.fullmatch(r"[^\s@<>]+@[^\s@<>]+", address) or not name.isprintable():
            raise ValueError("an address such as Tradewind <no-reply@example.com> is needed")
        return sender

    @field_validator("trusted_proxies")
    @classmethod
    def _check_proxies(cls, written: str) -> str:
        for proxy in _listed(written):
            ip_network(proxy)  # raises a ValueError that names it; a name or `*` would let anybody claim any address
        return written

    @model_validator(mode="after")
    def _refuse_weak_secrets(self) -> Self:
        secret = self.secret_key.get_secret_value()
        if secret and (len(secret.encode()) < MIN_SECRET_BYTES or secret.lower() in WEAK_SECRETS):
            raise ValueError(f"SECRET_KEY must be at least {MIN_SECRET_BYTES} bytes long")
        if not secret and self.environment == "production":
            raise ValueError("SECRET_KEY must be set in production")
        return self

    @model_validator(mode="after")
    def _refuse_half_an_admin(self) -> Self:
        if self.admin_email and self.admin_password is None:
            raise ValueError("ADMIN_EMAIL needs ADMIN_PASSWORD")
        return self

    @property
    def effective_database_url(self) -> str:
        return self.database_url or f"sqlite+aiosqlite:///{self.var_dir / 'tradewind.db'}"

    @property
    def effective_broker_url(self) -> str | None:
        return self.broker_url or self.redis_url

    @property
    def runs_jobs_itself(self) -> bool:
        return self.effective_broker_url is None if self.embedded_worker is None else self.embedded_worker

    @property
    def origins(self) -> list[str]:
        return _listed(self.allowed_origins)

    @property
    def proxies(self) -> list[str]:
        return _listed(self.trusted_proxies)

    @property
    def effective_public_url(self) -> str:
        return self.public_url.rstrip("/") or f"http://{self.host}:{self.port}"

    @property
    def effective_front_end_url(self) -> str:
        return self.front_end_url.rstrip("/") or next((origin for origin in self.origins if origin != "*"), self.effective_public_url)

    def with_secret(self) -> "Settings":
        """Return settings that have a secret: the given one, or one generated once into VAR_DIR with mode 0600."""
        if self.secret_key.get_secret_value():
            return self
        return self.model_copy(update={"secret_key": SecretStr(_generated_secret(self.var_dir / "secret_key"))})


def _listed(written: str) -> list[str]:
    return [entry.strip() for entry in written.split(",") if entry.strip()]


def _generated_secret(path: Path) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        draft = path.with_name(f"{path.name}.{os.getpid()}")
        draft.touch(mode=0o600)
        draft.write_text(secrets.token_urlsafe(48))
        # A link appears whole or not at all, and the first of two processes that start together wins.
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
        draft.unlink()
    return path.read_text().strip()
