"""Flows and their runs: from trigger to trade."""
