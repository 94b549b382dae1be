"""Wallets and the ledger: every change of a balance is an entry with its cause."""
