-module(last).
-spec f() -> ok
f() -> ok.
g() -> £ok.
.
h() ->.
i() -> ok
