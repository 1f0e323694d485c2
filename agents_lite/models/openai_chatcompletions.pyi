from .chat import *
