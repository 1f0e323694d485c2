from .schema.function_schema import *
