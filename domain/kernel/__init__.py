"""Pure building blocks that every noun stands on: standard library only, no I/O."""
