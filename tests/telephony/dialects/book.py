"""All fixtures."""

from tests.telephony.dialects import borders, broadworks, broken, cisco, flows, switches, traps

FIXTURES = (
    *cisco.FIXTURES,
    *broadworks.FIXTURES,
    *borders.FIXTURES,
    *switches.FIXTURES,
    *traps.FIXTURES,
    *broken.FIXTURES,
    *flows.FIXTURES,
)
