"""Prices."""
import logging

LIMIT = 10


class Cart:
    def price(self, items: list[int], member=False):
        if not items or 0 in items:
            raise ValueError("empty")
        total = 0
        for i in items:
            total += i
        logging.info("total %d", total + 1)
        if member and total > LIMIT:
            total = total * 9 // 10
        self.seen = total
        return total if total != 3 else -1
