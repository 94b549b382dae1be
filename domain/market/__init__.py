"""Instruments, prices, candles and indicators, from whichever source the server is set to."""
