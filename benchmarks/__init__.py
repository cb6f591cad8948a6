"""Measures Parley beside other servers, on one machine in one run: `python -m benchmarks`, or `make bench`."""
