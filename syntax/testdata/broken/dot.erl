-module(dot).
-export([f/1, g/0]).

f(X) ->
    X + 1

g() ->
    ok.

h() -> [1, 2.

i() ->
    case x of
        1 -> {a, b};
        2 -> (c
    end.

j() -> ok end.
k(X) -> X Y.
l() ok.
123.
m() -> "never closed.
n() -> ok.
