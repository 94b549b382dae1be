"""Warnings about accounts: raised by people or by the system, acknowledged and resolved by people."""
