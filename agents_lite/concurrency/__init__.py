"""Threads, forks, timers, cancelling and event loops; knows neither agents nor events."""
