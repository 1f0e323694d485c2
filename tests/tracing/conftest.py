"""What tests of tracing share."""

from tests.support.traces import collector as collector
from tests.support.traces import free_port as free_port
from tests.support.traces import provider as provider
from tests.support.traces import remembered as remembered
from tests.support.traces import silent_port as silent_port
