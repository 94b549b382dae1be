"""Prices that people wait for."""
