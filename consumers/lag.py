"""How late events are: from their commits to the moment when this process has written them to its sockets.

Observed once per message of the layer and once per read that repairs, never per socket: the way to the sockets stays as
short as it is.
"""

from bisect import bisect_left
from itertools import accumulate

BOUNDS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Lag:
    """A histogram: how many lags were at most each of `BOUNDS_S`, and the sum of all."""

    def __init__(self) -> None:
        self._counts = [0] * (len(BOUNDS_S) + 1)
        self.sum_s = 0.0

    def observe(self, lag_s: float) -> None:
        """Machines' clocks differ: what seems to come before its commit came at once."""
        lag_s = max(0.0, lag_s)
        self._counts[bisect_left(BOUNDS_S, lag_s)] += 1
        self.sum_s += lag_s

    @property
    def at_most(self) -> list[int]:
        """By bound, and last of all: how many observations there were."""
        return list(accumulate(self._counts))
