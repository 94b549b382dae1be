"""Plans that people subscribe to, and the limits that follow from them."""
