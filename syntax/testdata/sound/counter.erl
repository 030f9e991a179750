%% @doc A counter: one process, one number.
-module(counter).
-behaviour(gen_server).

-export([start_link/0, add/1, add/2]).
-export([init/1, 'handle call'/3]).
-export_type([count/0]).

-include("counter.hrl").
-include_lib("kernel/include/logger.hrl").
-import(lists, [map/2]).

-define(SERVER, ?MODULE).
-define(ADD(X, Y), begin X + Y end).
-define(OPEN(X), case X of).

-record(state, {count = 0 :: count(), fun_ = fun() -> 1 end, names = []}).

-type count() :: non_neg_integer() | fun((count()) -> ok).
-opaque handle(T) :: {T, <<_:8>>}.

-callback changed(count(), term()) -> ok | {error, term()}.

-ifdef(TEST).
-include_lib("eunit/include/eunit.hrl").
-endif.

%% The public side.

-spec start_link() -> {ok, pid()}.
start_link() -> gen_server:start_link({local, ?SERVER}, ?MODULE, [], []).

%% @doc Adds one.
add(X) -> add(X, 1).

-doc "Adds N.".
-spec add(pid(), N) -> ok when N :: count(); (atom(), count()) -> ok.
%% Strings may hold dots. And "quotes".
add(Pid, N) when is_pid(Pid), N > 16#FF ->
    Text = "a. \"b\" % no comment",
    gen_server:call(Pid, {add, N, Text, $", $\., $\x{41}, 1.5e-3, 1_000});
add(Name, N) when is_atom(Name) ->
    F = fun Loop(0) -> ok; Loop(I) -> Loop(I - 1) end,
    G = fun add/2,
    H = fun ?MODULE:add/1,
    case F(N) of
        ok when N =:= 1 -> G(Name, N);
        _ -> try H(Name) catch _:_ -> ok after ok end
    end.

init([]) ->
    Map = #{a => 1, b => #state{count = 2}},
    #{a := _} = Map#{a := 3},
    {ok, #state{count = hd([I || I <- [1, 2], I > 1]), names = <<<<"x">>/binary, 1:8>>}}.

'handle call'({add, N}, _From, State = #state{count = C}) ->
    ?LOG_INFO("added ~p", [N]),
    Next = if C > 10 -> 0; true -> ?ADD(C, N) end,
    receive stop -> ok after 0 -> ok end,
    {reply, maybe, State#state{count = Next}}.

private(X) -> ?OPEN(X) a -> b end.

-ifdef(TEST).
add_test() -> ?assertEqual(ok, add(counter, 1)).
all_test_() -> [fun() -> ok end, {"named", ?_assert(true)}].
-endif.
