#!/usr/bin/env escript
%% cf_eunit.erl REPORT EBIN PROJECT MODULE...: runs the EUnit tests of modules in
%% the folder EBIN and reports each, and which lines they executed.
-module(cf_eunit).
-behaviour(eunit_listener).
-mode(compile).
-export([main/1]).
-export([start/0, start/1, init/1, handle_begin/3, handle_end/3, handle_cancel/3, terminate/2]).

main([Report, Ebin, Project | Names]) ->
    code:add_patha(Ebin),
    [code:add_pathsz(filelib:wildcard(filename:join([Project | P] ++ ["*", "ebin"])))
     || P <- [["_build", "*", "lib"], ["deps"], ["..", "..", "_build", "*", "lib"], ["..", "..", "deps"]]],
    Covered = cover(Ebin),
    Modules = [list_to_atom(N) || N <- Names],
    %% {module, m} runs m_tests too: a module is named once.
    Roots = [M || M <- Modules, not lists:member(base(M), Modules)],
    eunit:test([{module, M} || M <- Roots], [no_tty, {report, {?MODULE, [{report, Report}]}}]),
    [lines(Report, M) || M <- Covered],
    record(Report, "done", []),
    halt(0);
main(_) ->
    halt(64).

base(Module) ->
    case lists:reverse(atom_to_list(Module)) of
        "stset_" ++ Reversed -> list_to_atom(lists:reverse(Reversed));
        _ -> none
    end.

cover(Ebin) ->
    case code:which(cover) of
        non_existing -> [];
        _ ->
            {ok, _} = cover:start(),
            Files = filelib:wildcard(filename:join(Ebin, "*.beam")),
            [M || F <- Files, not is_test_file(F), {ok, M} <- [cover:compile_beam(F)]]
    end.

is_test_file(File) -> lists:suffix("_tests", filename:basename(File, ".beam")).

lines(Report, Module) ->
    case cover:analyse(Module, calls, line) of
        {ok, Counts} ->
            Source = proplists:get_value(source, Module:module_info(compile), ""),
            Hit = [L || {{_, L}, N} <- Counts, N > 0, L > 0],
            Missed = [L || {{_, L}, 0} <- Counts, L > 0],
            record(Report, "lines", [Source, numbers(Hit), numbers(Missed)]);
        _ -> ok
    end.

numbers(Lines) -> lists:join(" ", [integer_to_list(L) || L <- lists:usort(Lines)]).

%% An open file belongs to one process, and the listener is another one.
record(Report, Kind, Fields) ->
    Line = lists:join("\t", [Kind | [escape(F) || F <- Fields]]),
    ok = file:write_file(Report, unicode:characters_to_binary([Line, "\n"]), [append]).

escape(N) when is_integer(N) -> integer_to_list(N);
escape(Text) ->
    case catch unicode:characters_to_list(Text) of
        Chars when is_list(Chars) -> lists:flatmap(fun escaped/1, Chars);
        _ -> escape(io_lib:format("~p", [Text]))
    end.

escaped($\\) -> "\\\\";
escaped($\t) -> "\\t";
escaped($\n) -> "\\n";
escaped($\r) -> "\\r";
escaped(C) -> [C].

%% The listener.

start() -> start([]).
start(Options) -> eunit_listener:start(?MODULE, Options).

init(Options) -> proplists:get_value(report, Options).

handle_begin(_, _, Report) -> Report.

handle_end(test, Data, Report) ->
    {State, Text} = outcome(proplists:get_value(status, Data)),
    report(Report, State, Data, Text),
    Report;
handle_end(group, _, Report) -> Report.

%% A fixture that fails cancels its tests.
handle_cancel(_, Data, Report) ->
    case proplists:get_value(reason, Data) of
        undefined -> ok;
        {skipped, _} -> ok;
        Reason -> report(Report, "failed", Data, cancelled(Reason))
    end,
    Report.

terminate(_, Report) -> Report.

cancelled({abort, Reason}) -> eunit_lib:format_error(Reason);
cancelled({exit, Reason}) -> io_lib:format("exit: ~p", [Reason]);
cancelled(timeout) -> "timeout";
cancelled(Reason) -> io_lib:format("~p", [Reason]).

outcome(ok) -> {"passed", ""};
outcome({skipped, _}) -> {"skipped", ""};
outcome({error, {Class, Reason, Stack}}) when is_list(Stack) ->
    {"failed", eunit_lib:format_exception({Class, Reason, [F || F <- Stack, not is_eunit(F)]})};
outcome(Other) -> {"failed", io_lib:format("~p", [Other])}.

is_eunit(Frame) -> lists:prefix("eunit_", atom_to_list(element(1, Frame))).

report(Report, State, Data, Text) ->
    {Name, Source, Line} = name(proplists:get_value(source, Data), Data),
    Output = case {State, proplists:get_value(output, Data, <<>>)} of
        {"failed", Printed} -> [Text, "\n", Printed];
        _ -> Text
    end,
    record(Report, "test", [State, Name, Source, Line, Output]).

%% A generated test is named after its generator: '-all_test_/0-fun-1-' is in
%% all_test_.
name({Module, Function, _}, Data) ->
    Named = hd(string:split(string:trim(atom_to_list(Function), leading, "-"), "/")),
    Line = case proplists:get_value(line, Data) of
        N when is_integer(N), N > 0 -> N;
        _ -> line(Module, Named)
    end,
    {[atom_to_list(Module), ":", Named, described(Data)], source(Module), Line};
name(_, Data) ->
    {[io_lib:format("fixture ~w", [proplists:get_value(id, Data)]), described(Data)], "", 0}.

described(Data) ->
    case unicode:characters_to_list(desc(Data)) of
        "" -> "";
        "module " ++ _ -> ""; % that of the only module's group
        D -> [" ", D]
    end.

desc(Data) ->
    case proplists:get_value(desc, Data) of
        undefined -> "";
        D -> D
    end.

%% line finds where a function begins. Covered modules are found by their file.
line(Module, Name) ->
    File = case catch cover:is_compiled(Module) of
        {file, Beam} -> Beam;
        _ -> code:which(Module)
    end,
    case catch beam_lib:chunks(File, [abstract_code]) of
        {ok, {_, [{abstract_code, {_, Forms}}]}} ->
            hd([erl_anno:line(A) || {function, A, F, 0, _} <- Forms, atom_to_list(F) =:= Name] ++ [0]);
        _ -> 0
    end.

source(Module) ->
    case catch proplists:get_value(source, Module:module_info(compile)) of
        Path when is_list(Path) -> Path;
        _ -> ""
    end.
