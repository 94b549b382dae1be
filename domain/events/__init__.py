"""The event log as clients read it page by page."""
