from .output_schema import *
