from .schema.strict_schema import *
