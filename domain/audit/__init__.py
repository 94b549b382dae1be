"""Who did what, through which door, and what it changed: a log that tells when somebody has tampered with it."""
