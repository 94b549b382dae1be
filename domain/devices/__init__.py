"""Meters, inverters and other things that report to their owners."""
