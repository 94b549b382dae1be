"""The port to every place where orders are executed; a real exchange and the paper venue stand behind it alike."""
