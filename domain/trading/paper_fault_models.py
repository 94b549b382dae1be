"""The table of fault scripts: which accounts of the paper venue rehearse a bad day, and how far they are in it."""

from datetime import datetime

from sqlalchemy import String, Text
from sqlalchemy.orm import Mapped, mapped_column

from domain.runtime.database import Base


class PaperFaults(Base):
    """The fault script of one account, with the calls that were counted since it was set.

    Fills are not counted here: they are the account's fills from `set_at` on, in the order of trading.
    """

    __tablename__ = "paper_faults"

    account: Mapped[str] = mapped_column(String(40), primary_key=True)
    script: Mapped[str] = mapped_column(Text)
    seed: Mapped[int]
    placed: Mapped[int]
    amended: Mapped[int]
    cancelled: Mapped[int]
    found: Mapped[int]
    set_at: Mapped[datetime]
