from dataclasses import replace
from decimal import Decimal

from resolvers.demo.books import Fill, Holding, Terms, balances_after, profit_of, told_profit
from resolvers.demo.statement import Statement

TERMS = {"CL": Terms("CL", "USD", "barrel", Decimal(1000)), "BTC/USDT": Terms("BTC", "USDT", "BTC", Decimal(1))}
OPENING = {"USD": Decimal(1_000_000), "USDT": Decimal(10_000)}
FILLS = (
    Fill("CL", Decimal(2), Decimal("75.5"), Decimal(151), "USD"),
    Fill("CL", Decimal(-2), Decimal(76), Decimal(152), "USD"),
    Fill("BTC/USDT", Decimal("-0.01"), Decimal(90_000), Decimal("0.9"), "USDT"),
)
HOLDINGS = (
    Holding("CL", Decimal(0), Decimal(76), realized=Decimal(697), unrealized=Decimal(0), is_closed=True),
    Holding("BTC/USDT", Decimal("-0.01"), Decimal(89_000), realized=Decimal(0), unrealized=Decimal("9.1"), is_closed=False),
)
STATEMENT = Statement(OPENING, balances_after(OPENING, FILLS, TERMS), FILLS, HOLDINGS, TERMS)


def test_fills_move_asset_money_and_fee() -> None:
    assert balances_after(OPENING, FILLS, TERMS) == {
        "USD": Decimal(1_000_697),
        "USDT": Decimal("10899.1"),
        "CL": Decimal(0),
        "BTC": Decimal("-0.01"),
    }


def test_profit_is_cash_and_what_is_held() -> None:
    assert profit_of(FILLS, HOLDINGS, TERMS) == told_profit(HOLDINGS, TERMS) == {"USD": Decimal(697), "USDT": Decimal("9.1")}


def test_statement_that_adds_up_says_so() -> None:
    assert STATEMENT.problems == []
    assert STATEMENT.facts() == [
        ("Wallet", "1,000,697.00 USD (+697.00)   10,899.10 USDT (+899.10)   0 CL   -0.01 BTC"),
        ("P&L", "+697.00 USD = +697.00 realised + 0.00 unrealised, after 303.00 USD of fees"),
        ("P&L", "+9.10 USDT = 0.00 realised + 9.10 unrealised, after 0.90 USDT of fees"),
        ("Won", "1 of 1 closed position (100 %), 1 still open"),
        ("Books", "balances = opening deposits + 3 fills, to the last digit; so is the P&L"),
    ]


def test_statement_names_what_does_not_add_up() -> None:
    balances = {**STATEMENT.balances, "USD": Decimal("1000697.01")}
    holdings = (HOLDINGS[0], replace(HOLDINGS[1], unrealized=Decimal(9)))

    assert replace(STATEMENT, balances=balances, holdings=holdings).problems == [
        "USD: the balance is 1000697.01, the fills make it 1000697",
        "USDT: the positions tell of 9, the fills make it 9.1",
    ]
