"""Orders, fills and positions: from the intent to trade until the position is closed."""
