from .local_tools import *
