"""`server.py demo`: a client that shows the main job from outside, through the doors that everybody has."""
