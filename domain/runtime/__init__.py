"""Plumbing that every noun shares: settings, database, unit of work, event log, outbox, bus, leases."""
