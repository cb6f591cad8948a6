"""Reads that are asked so often that putting them together each time would be most of their cost.

A `Prepared` has Django compile its query once per thread and number of values, and from then on only sends it and makes
the rows. What it returns is what the query set would.
"""

import threading
from collections.abc import Callable, Collection, Iterable, Sequence
from itertools import chain, count
from typing import Any, Generic, TypeVar

from django.db import connections
from django.db.models import Model, QuerySet
from django.db.models.query import get_related_populators

M = TypeVar("M", bound=Model)
Value = int | str


class Prepared(Generic[M]):
    """`make` builds the query set for its arguments, each a list of values that a column is looked for `in`, in the order
    in which they stand in the SQL.
    """

    def __init__(self, make: Callable[..., QuerySet[M]]) -> None:
        self._make = make
        self._local = threading.local()

    def rows(self, *arguments: Collection[Value]) -> list[M]:
        """The rows for these values; none where an argument has none."""
        if not all(arguments):
            return []
        padded = [_padded(argument) for argument in arguments]
        plan = self._plan_for(padded)
        with plan.compiler.connection.cursor() as cursor:
            cursor.execute(plan.sql, list(chain(*padded)))
            return plan.models(cursor.fetchall())

    def _plan_for(self, padded: list[list[Value]]) -> "_Plan[M]":
        key = tuple(map(len, padded))
        plans: dict[tuple[int, ...], _Plan[M]] | None = getattr(self._local, "plans", None)
        if plans is None:
            plans = self._local.plans = {}
        if key not in plans:
            plans[key] = _Plan(self._make, padded)
        return plans[key]


class _Plan(Generic[M]):
    """One query as Django compiled it, on this thread's connection."""

    def __init__(self, make: Callable[..., QuerySet[M]], like: Sequence[Sequence[Value]]) -> None:
        # No two the same: their order in the SQL is compared, and Django asks for each once.
        numbers = count(1)
        stand_ins = [[type(value)(next(numbers)) for value in values] for values in like]
        query_set = make(*stand_ins)
        self._alias = query_set.db
        self.compiler = query_set.query.get_compiler(connection=connections[self._alias])
        self.sql, params = self.compiler.as_sql()
        if list(params) != list(chain(*stand_ins)):
            raise ValueError(f"The values do not stand in the SQL as they were given: {self.sql}")
        select, info = self.compiler.select, self.compiler.klass_info
        fields = info["select_fields"]
        self._model = info["model"]
        self._slice = slice(fields[0], fields[-1] + 1)
        self._names = [column[0].target.attname for column in select[self._slice]]
        self._converters = self.compiler.get_converters([column[0] for column in select])
        self._populators = get_related_populators(info, select, self._alias)  # type: ignore[call-arg]  # the stubs are of Django 6

    def models(self, fetched: Iterable[Sequence[Any]]) -> list[M]:
        made = []
        rows = self.compiler.apply_converters(fetched, self._converters) if self._converters else fetched
        for row in rows:
            model = self._model.from_db(self._alias, self._names, row[self._slice])
            for populator in self._populators:
                populator.populate(row, model)
            made.append(model)
        return made


def _padded(values: Collection[Value]) -> list[Value]:
    """As many as the next power of two, the last of them again and again: few lengths, few plans."""
    padded = list(values)
    return padded + padded[-1:] * ((1 << (len(padded) - 1).bit_length()) - len(padded))
