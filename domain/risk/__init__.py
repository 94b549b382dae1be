"""Hard limits that no analyst can talk its way around, and the verdict of each on every trade."""
