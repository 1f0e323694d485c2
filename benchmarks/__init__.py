"""What agents_lite costs, side by side with a hand-written loop and with openai-agents.

`make bench` measures and prints one table; `make soak` runs ten thousand times and
looks for growth.
"""
