#!/usr/bin/env python3
"""A shop."""

import os
import sys as system
from collections import abc, OrderedDict as OD
from . import local
from ..up import thing

LIMIT = 10
_Cache = {}
name: str = "größe"


# Adds up.
def total(items, *, tax=0.2) -> float:
    """Sums (with tax)."""
    subtotal = sum(items)

    def inner():
        return subtotal

    return inner()


@decorator
@other(1)
async def fetch(url: str = "x)"):
    pass


class Shop(abc.Sized):
    """A class."""

    size = 1

    def __init__(self):
        self.items = []

    @property
    def _hidden(self):
        return f"{self.items!r} )"

    class Nested:
        def deep(self): ...


if __name__ == "__main__":
    system.exit(total([]))
