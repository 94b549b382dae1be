"""What the system tells people, and the ways on which it reaches them: a list, mail, and webhooks."""
