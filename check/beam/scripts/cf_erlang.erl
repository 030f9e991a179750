#!/usr/bin/env escript
%% cf_erlang.erl REPORT OUT LIST PROJECT: compiles the Erlang files that LIST
%% names into OUT and reports what is wrong, one record a line (see check/tool);
%% then looks for calls of functions that are not there. LIST holds one file a
%% line, "+" before one whose findings are wanted, "-" before one that others
%% may need. PROJECT is the project's folder, "" for files of none.
-module(cf_erlang).
-mode(compile).
-export([main/1]).

main([Report, Out, List, Project]) ->
    {ok, Device} = file:open(Report, [append, raw]),
    put(Device, "version", ["OTP " ++ erlang:system_info(otp_release)]),
    Files = files(List),
    Config = config(Device, Project),
    Deps = dependencies(Project),
    Declared = proplists:get_value(deps, Config, []),
    [put(Device, "nodeps", []) || Declared =/= [], [D || D <- Deps, filelib:is_dir(filename:join(D, "ebin"))] =:= []],
    [put(Device, "noeunit", []) || code:which(eunit) =:= non_existing],
    code:add_pathsz([filename:join(D, "ebin") || D <- Deps]),
    Options = options(Config, Project, Out, Deps),
    {Terms, Sources} = lists:partition(fun({_, F}) -> not is_source(F) end, Files),
    [terms(Device, F) || {$+, F} <- Terms],
    code:add_patha(Out),
    %% Once to have behaviours and parse transforms, once to report.
    Modules = [F || {_, F} <- Sources, filename:extension(F) =:= ".erl"],
    [compile:file(F, Options) || F <- Modules],
    Wanted = [F || {$+, F} <- Sources, filename:extension(F) =:= ".erl"],
    Compiled = [M || F <- Modules, M <- [compile(Device, F, Options, lists:member(F, Wanted))], M =/= failed],
    [put({exports, module(F)}, failed) || F <- Modules, not lists:keymember(F, 2, Compiled)],
    calls(Device, Compiled, Config =/= [] andalso Declared =:= []),
    tests(Device, Compiled),
    put(Device, "done", []);
main(_) ->
    halt(64).

put(Device, Kind, Fields) ->
    Line = lists:join("\t", [Kind | [escape(F) || F <- Fields]]),
    ok = file:write(Device, unicode:characters_to_binary([Line, "\n"])).

escape(N) when is_integer(N) -> integer_to_list(N);
escape(A) when is_atom(A) -> escape(atom_to_list(A));
escape(Text) ->
    case unicode:characters_to_list(Text) of
        Chars when is_list(Chars) -> lists:flatmap(fun escaped/1, Chars);
        _ -> escape(io_lib:format("~p", [Text]))
    end.

escaped($\\) -> "\\\\";
escaped($\t) -> "\\t";
escaped($\n) -> "\\n";
escaped($\r) -> "\\r";
escaped(C) -> [C].

files(List) ->
    {ok, Text} = file:read_file(List),
    [{Mark, binary_to_list(File)} || <<Mark, File/binary>> <- binary:split(Text, <<"\n">>, [global, trim_all])].

is_source(File) -> lists:member(filename:extension(File), [".erl", ".hrl"]).

%% config reads rebar.config as terms; a rebar.config.script is code, not run.
config(_, "") -> [];
config(_, Project) ->
    case file:consult(filename:join(Project, "rebar.config")) of
        {ok, Terms} -> Terms;
        _ -> []
    end.

dependencies("") -> [];
dependencies(Project) ->
    lists:append([filelib:wildcard(filename:join([Project | P])) ||
        P <- [["_build", "default", "lib", "*"], ["_build", "test", "lib", "*"], ["_build", "dev", "lib", "*"],
              ["deps", "*"], ["..", "..", "_build", "default", "lib", "*"], ["..", "..", "deps", "*"]]]).

%% options gives every warning that erlc -Wall knows and the project's own
%% options; what would print, stop at warnings or write elsewhere is left out.
options(Config, Project, Out, Deps) ->
    Own = [O || O <- proplists:get_value(erl_opts, Config, []), keep(O)],
    Include = case Project of
        "" -> [];
        _ ->
            [{i, Project}, {i, filename:join(Project, "include")}, {i, filename:join(Project, "src")}] ++
            [{i, D} || D <- filelib:wildcard(filename:join([Project, "apps"]))] ++
            [{i, D} || D <- filelib:wildcard(filename:join([Project, "{apps,lib}", "*", "include"]))] ++
            [{i, filename:dirname(D)} || D <- Deps] ++
            [{i, D} || {i, Rel} <- Own, D <- [filename:absname(Rel, Project)]]
    end,
    [return, debug_info, {outdir, Out}, {d, 'TEST'}, {d, 'EUNIT'}, warn_export_vars, warn_shadow_vars,
     warn_obsolete_guard, warn_unused_import] ++ [O || O <- Own, not is_include(O)] ++ Include.

is_include({i, _}) -> true;
is_include(_) -> false.

keep(O) when O =:= report; O =:= report_errors; O =:= report_warnings; O =:= warnings_as_errors;
             O =:= no_debug_info; O =:= binary; O =:= verbose; O =:= return -> false;
keep({outdir, _}) -> false;
keep({platform_define, _, _}) -> false;
keep({platform_define, _, _, _}) -> false;
keep({d, 'TEST'}) -> false;
keep(_) -> true.

%% compile reports on one file and returns the module and where it lies.
compile(Device, File, Options, Wanted) ->
    Include = [{i, filename:dirname(File)}, {i, filename:join([filename:dirname(File), "..", "include"])}],
    case compile:file(File, Options ++ Include) of
        {ok, Module, Warnings} ->
            [findings(Device, "warning", Warnings) || Wanted],
            {Module, File, Wanted};
        {error, Errors, Warnings} ->
            findings(Device, "error", Errors),
            [findings(Device, "warning", Warnings) || Wanted],
            failed
    end.

findings(Device, Severity, Found) ->
    [finding(Device, Severity, File, Info) || {File, Infos} <- Found, Info <- Infos].

finding(Device, Severity, File, {none, Module, What}) ->
    finding(Device, Severity, File, {0, Module, What});
finding(Device, Severity, File, {Place, Module, What}) ->
    {Line, Column} = place(Place),
    put(Device, Severity, [File, Line, Column, name(Module, What), format(Module, What)]);
finding(Device, Severity, File, {Module, What}) ->
    finding(Device, Severity, File, {0, Module, What}).

place({Line, Column}) when is_integer(Line), is_integer(Column) -> {Line, Column};
place(Line) when is_integer(Line) -> {Line, 0};
place(Other) ->
    case catch {erl_anno:line(Other), erl_anno:column(Other)} of
        {L, C} when is_integer(L), is_integer(C) -> {L, C};
        {L, _} when is_integer(L) -> {L, 0};
        _ -> {0, 0}
    end.

format(Module, What) ->
    case catch Module:format_error(What) of
        {'EXIT', _} -> io_lib:format("~p", [What]);
        Text -> Text
    end.

%% name gives a finding the name that the compiler's own passes use for it.
name(Module, _) when Module =:= erl_parse; Module =:= erl_scan -> 'syntax-error';
name(_, What) when is_atom(What) -> What;
name(Module, What) when is_tuple(What), tuple_size(What) > 0 -> name(Module, element(1, What));
name(Module, _) -> Module.

terms(Device, File) ->
    case file:consult(File) of
        {ok, _} -> ok;
        {error, {Place, Module, What}} -> finding(Device, "error", File, {Place, Module, What});
        {error, Reason} -> put(Device, "error", [File, 0, 0, "unreadable", file:format_error(Reason)])
    end.

module(File) -> list_to_atom(filename:basename(File, ".erl")).

%% calls reports each call, in a wanted file, of a function that a module does
%% not export, and, where the whole project is there, of a module nobody has.
calls(Device, Compiled, Whole) ->
    Own = maps:from_list([{M, true} || {M, _, _} <- Compiled]),
    [undefined(Device, File, Call, Own, Whole) || {M, File, true} <- Compiled, Call <- remote(M)].

remote(Module) ->
    case beam_lib:chunks(code:which(Module), [abstract_code]) of
        {ok, {_, [{abstract_code, {_, Forms}}]}} -> lists:usort(remote_in(Forms));
        _ -> []
    end.

remote_in({call, Place, {remote, _, {atom, _, M}, {atom, _, F}}, Arguments}) ->
    [{place(Place), M, F, length(Arguments)} | remote_in(Arguments)];
remote_in({'fun', Place, {function, {atom, _, M}, {atom, _, F}, {integer, _, A}}}) ->
    [{place(Place), M, F, A}];
remote_in(Tuple) when is_tuple(Tuple) -> remote_in(tuple_to_list(Tuple));
remote_in([Head | Tail]) -> remote_in(Head) ++ remote_in(Tail);
remote_in(_) -> [].

undefined(Device, File, {{Line, Column}, M, F, A}, Own, Whole) ->
    case exports(M) of
        none when Whole -> missing(Device, File, Line, Column, undefined_module, "module ~w is not there", [M]);
        none -> dependency;
        failed -> said_already;
        _ when F =:= module_info, A < 2 -> ok;
        Exports ->
            Known = lists:member({F, A}, Exports) orelse erlang:is_builtin(M, F, A)
                orelse (not is_map_key(M, Own) andalso lists:keymember('$handle_undefined_function', 1, Exports)),
            [missing(Device, File, Line, Column, undefined_function, "function ~w:~w/~w is not there", [M, F, A]) || not Known]
    end.

missing(Device, File, Line, Column, Name, Format, Arguments) ->
    put(Device, "warning", [File, Line, Column, Name, io_lib:format(Format, Arguments)]).

exports(Module) ->
    case get({exports, Module}) of
        undefined ->
            Exports = read_exports(Module),
            put({exports, Module}, Exports),
            Exports;
        Exports -> Exports
    end.

read_exports(Module) ->
    case code:which(Module) of
        preloaded -> Module:module_info(exports);
        Path when is_list(Path), Path =/= "" ->
            case beam_lib:chunks(Path, [exports]) of
                {ok, {_, [{exports, Exports}]}} -> Exports;
                _ -> none
            end;
        _ -> none
    end.

%% tests names the modules that hold EUnit tests.
tests(Device, Compiled) ->
    [put(Device, "tests", [M, File]) || {M, File, _} <- Compiled, lists:any(fun is_test/1, exports(M))].

is_test({Name, 0}) ->
    Text = atom_to_list(Name),
    lists:suffix("_test", Text) orelse lists:suffix("_test_", Text);
is_test(_) -> false.
