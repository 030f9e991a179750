def f(x):
    ... # rest of the code
    return x +


class A:
    def g(self)
        pass

# existing code
}
