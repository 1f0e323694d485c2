from .run_config import *
