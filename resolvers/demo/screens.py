"""Where the demo shows itself: a live picture on a terminal, plain lines in a pipe."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol

from rich.cells import cell_len
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from domain.flows.steps import BEGIN, Step
from resolvers.demo.books import Terms
from resolvers.demo.facts import Facts, count_of
from resolvers.demo.figures import first_line, percent, quantity, shortened
from resolvers.demo.story import Happening, Progress, VoteFell, VotesCounted

LABEL_WIDTH = 9
# A run takes moments. On a terminal each thing that happens stays so long for the eye; how long the run took is told in its result.
READING_SECONDS = 0.15
PLAIN_REASON = 120
STYLES = {"buy": "green", "sell": "red", "hold": "yellow"}
STEP_NAMES = {
    Step.DATA_FETCH: "Market data",
    Step.MARKET_ANALYSIS: "Analysts vote",
    Step.RISK_VALIDATION: "Gate and risk rules",
    Step.DECISION: "Order",
}


class RunScreen(Protocol):
    """Shows one run."""

    def show(self, happening: Happening) -> None: ...

    def close(self, facts: Facts, *, traded: bool) -> None:
        """Show what the run came to."""
        ...

    def watch(self, profit: str) -> None:
        """Show how the position stands now."""
        ...


class Board(Protocol):
    """Shows many runs: a line each, and how things stand below them."""

    @property
    def width(self) -> int: ...

    def line(self, text: str, style: str = "") -> None: ...

    def standing(self, text: str) -> None: ...


class Screen:
    """The terminal, or the pipe: no control codes are sent to one that is not a terminal, or a dumb one."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.is_live = console.is_terminal and not console.is_dumb_terminal
        self.reading_seconds = READING_SECONDS if self.is_live else 0.0
        self._has_begun = False

    def headline(self, text: str) -> None:
        self._print(Text(f"\n{text}" if self._has_begun else text, style="bold"))

    def note(self, text: str, style: str = "dim") -> None:
        self._print(Text(text, style=style))

    def facts(self, facts: Facts) -> None:
        if self.is_live:
            self.console.print(_grid(facts))
            return
        for label, text in facts:
            self._print(Text(f"{label:<{LABEL_WIDTH}}{text}"))

    @contextmanager
    def run(self, title: str, flow: Mapping[str, Any], members: int) -> Iterator[RunScreen]:
        min_agreement = flow["config"].get("swarm_min_agreement") if flow["mode"] == "swarm" else None
        if not self.is_live:
            yield _PlainRun(self, title, min_agreement)
            return
        picture = _LiveRun(title, members, min_agreement)
        with Live(picture, console=self.console, refresh_per_second=15, vertical_overflow="crop") as live:
            yield picture
            live.vertical_overflow = "visible"

    @contextmanager
    def board(self) -> Iterator[Board]:
        if not self.is_live:
            yield _PlainBoard(self)
            return
        with Live(Text(), console=self.console, refresh_per_second=8, transient=True) as live:
            yield _LiveBoard(live)

    @contextmanager
    def busy(self, text: str) -> Iterator[None]:
        """Show that something takes a while."""
        if self.is_live:
            with self.console.status(Text(text)):
                yield
        else:
            self.note(text)
            yield

    def _print(self, text: Text) -> None:
        self._has_begun = True
        self.console.print(text, soft_wrap=not self.is_live, highlight=False)


class _PlainRun:
    def __init__(self, screen: Screen, title: str, min_agreement: int | None) -> None:
        self._screen, self._min_agreement = screen, min_agreement
        self._reached = -1
        screen.headline(title)

    def show(self, happening: Happening) -> None:
        match happening:
            case Progress(step):
                self._reach(step)
            case VoteFell():
                self._reach(Step.MARKET_ANALYSIS)
                said = f"{happening.action or happening.status:<9} {_sureness(happening):>5}  {shortened(happening.text, PLAIN_REASON)}"
                self._line(f"       {happening.analyst:<20} {said}")
            case VotesCounted():
                self._reach(Step.MARKET_ANALYSIS)
                self._line(f"       {'votes':<20} {count_of(happening, self._min_agreement)}")

    def close(self, facts: Facts, *, traded: bool) -> None:
        self._reach(Step.DECISION if traded else min(self._reached, Step.RISK_VALIDATION))
        for label, text in facts:
            self._line(f"       {label:<{LABEL_WIDTH}} {text}")

    def watch(self, profit: str) -> None:
        self._line(f"       {'P&L':<{LABEL_WIDTH}} {profit}")

    def _reach(self, step: int) -> None:
        for number in range(self._reached + 1, step + 1):
            begun = BEGIN[Step(number)]
            self._line(f" {begun.progress_percent:>3} %  {begun.label}")
        self._reached = max(self._reached, step)

    def _line(self, text: str) -> None:
        self._screen.note(text, "")


class _LiveRun:
    def __init__(self, title: str, members: int, min_agreement: int | None) -> None:
        self._title, self._members, self._min_agreement = title, members, min_agreement
        self._reached, self._is_over, self._traded = -1, False, False
        self._votes: list[VoteFell] = []
        self._counted: VotesCounted | None = None
        self._facts: Facts = []
        self._profit = ""

    def show(self, happening: Happening) -> None:
        match happening:
            case Progress(step):
                self._reached = max(self._reached, step)
            case VoteFell():
                self._reached = max(self._reached, Step.MARKET_ANALYSIS)
                self._votes.append(happening)
            case VotesCounted():
                self._counted = happening

    def close(self, facts: Facts, *, traded: bool) -> None:
        self._facts, self._is_over, self._traded = facts, True, traded

    def watch(self, profit: str) -> None:
        self._profit = profit

    def __rich__(self) -> RenderableType:
        parts: list[RenderableType] = [Text(f"\n{self._title}", style="bold"), self._steps()]
        if self._votes:
            parts.append(self._table())
        facts = list(self._facts)
        if self._counted is not None:
            facts.insert(0, ("Votes", count_of(self._counted, self._min_agreement)))
        if self._profit:
            facts.append(("P&L", self._profit))
        return Group(*parts, _grid(facts))

    def _steps(self) -> Table:
        table = Table.grid(padding=(0, 1), expand=True)
        table.add_column(width=20, no_wrap=True)
        table.add_column(ratio=1)
        table.add_column(width=8, justify="right", no_wrap=True)
        for step in Step:
            table.add_row(STEP_NAMES[step], *self._bar(step))
        return table

    def _bar(self, step: Step) -> tuple[RenderableType, Text]:
        was_left_out = self._is_over and (step > self._reached or (step is Step.DECISION and not self._traded))
        if was_left_out:
            return ProgressBar(total=1, completed=0), Text("–", style="dim")
        if self._is_over or step < self._reached:
            return ProgressBar(total=1, completed=1, complete_style="green", finished_style="green"), Text("done", style="green")
        if step > self._reached:
            return ProgressBar(total=1, completed=0), Text("")
        if step is Step.MARKET_ANALYSIS and self._votes:
            return ProgressBar(total=self._members, completed=len(self._votes)), Text(f"{len(self._votes)} of {self._members}")
        return ProgressBar(total=1, pulse=True), Text(f"{BEGIN[step].progress_percent} %")

    def _table(self) -> Table:
        table = Table(box=None, padding=(0, 1), expand=True, pad_edge=False, header_style="dim")
        width = max(7, *(cell_len(vote.analyst) for vote in self._votes))
        table.add_column("Analyst", width=min(width, 18), no_wrap=True, overflow="ellipsis")
        table.add_column("Vote", width=9, no_wrap=True)
        table.add_column("Sure", width=5, justify="right", no_wrap=True)
        table.add_column("Why", ratio=1, no_wrap=True, overflow="ellipsis")
        for vote in self._votes:
            shown = Text(vote.action or vote.status, style=STYLES.get(vote.action or "", "dim"))
            table.add_row(vote.analyst, shown, _sureness(vote), first_line(vote.text))
        return table


class _PlainBoard:
    def __init__(self, screen: Screen) -> None:
        self._screen = screen

    @property
    def width(self) -> int:
        return self._screen.console.width

    def line(self, text: str, style: str = "") -> None:
        self._screen.note(text, "")

    def standing(self, text: str) -> None:
        """Say nothing: in a pipe only what has happened is told."""


class _LiveBoard:
    def __init__(self, live: Live) -> None:
        self._live = live

    @property
    def width(self) -> int:
        return self._live.console.width

    def line(self, text: str, style: str = "") -> None:
        self._live.console.print(Text(text, style=style), highlight=False, no_wrap=True, overflow="ellipsis")

    def standing(self, text: str) -> None:
        self._live.update(Text(text, no_wrap=True, overflow="crop"))


def terms_line(config: Mapping[str, Any], mode: str, terms: Terms) -> str:
    """Return who decides in a flow and how much it trades, in a few words."""
    who = "one analyst" if mode == "solo" else f"swarm of {config['swarm_runs']}, agreement at least {config['swarm_min_agreement']} %"
    gate = f", confidence at least {percent(config['pre_trade_min_confidence'])}" if "pre_trade_min_confidence" in config else ""
    return f"{who}{gate}, {_size(config, terms)} a trade"


def _size(config: Mapping[str, Any], terms: Terms) -> str:
    if "order_quantity" in config:
        return f"{quantity(config['order_quantity'])} {terms.unit}"
    return f"{quantity(config['order_size_usd'])} {terms.quote}"


def _sureness(vote: VoteFell) -> str:
    return f"{vote.confidence_percent} %" if vote.action else ""


def _grid(facts: Iterable[tuple[str, str]]) -> Table:
    table = Table.grid(padding=(0, 1), expand=True)
    table.add_column(width=LABEL_WIDTH, style="dim", no_wrap=True)
    table.add_column(ratio=1, overflow="fold")
    for label, text in facts:
        table.add_row(label, Text(text, style=_style_of(text)))
    return table


def _style_of(text: str) -> str:
    if text.startswith(("traded", "pass")):
        return "green"
    return "yellow" if text.startswith(("no trade", "refused", "reject", "skip")) else "red" if text.startswith("failed") else ""
