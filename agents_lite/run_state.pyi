from .running.run_state import *
