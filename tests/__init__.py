"""The tests: they mirror the packages, plus the flows, hostile clients, faults and browsers."""
