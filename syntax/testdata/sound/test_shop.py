import unittest

import pytest


@pytest.mark.skip(reason="later")
def test_total():
    assert 1


@pytest.mark.parametrize("x", [1, 2])
def test_many(x):
    if x == 2:
        pytest.skip("two")


class TestShop(unittest.TestCase):
    def setUp(self):
        pass

    @unittest.skipIf(True, "why")
    def test_size(self):
        self.skipTest("no")

    async def test_async(self):
        pass
