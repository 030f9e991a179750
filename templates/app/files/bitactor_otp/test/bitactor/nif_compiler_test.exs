defmodule BitActor.NifCompilerTest do
  # Runs mix in a small project of its own: what the NIF's compiler answers is seen from outside.
  use ExUnit.Case, async: true

  @header "#include \"erl_nif.h\"\n"
  @good @header <>
          """
          static ERL_NIF_TERM one(ErlNifEnv *env, int argc, const ERL_NIF_TERM argv[]) {
              (void)argc; (void)argv;
              return enif_make_int(env, 1);
          }
          static ErlNifFunc functions[] = {{"one", 0, one, 0}};
          ERL_NIF_INIT(Elixir.Probe, functions, NULL, NULL, NULL, NULL)
          """

  @moduletag :slow
  @moduletag :tmp_dir

  setup %{tmp_dir: folder} do
    otp = Path.join(folder, "bitactor_otp")
    File.mkdir_p!(Path.join(otp, "lib"))
    File.mkdir_p!(Path.join(folder, "src/cns"))
    File.cp!("mix.exs", Path.join(otp, "mix.exs"))
    File.write!(Path.join(otp, "lib/empty.ex"), "defmodule Empty do\nend\n")
    File.write!(Path.join(folder, "src/cns/bitactor.c"), "int ba_probe;\n")
    {:ok, otp: otp, nif: Path.join(folder, "src/cns/bitactor_nif.c")}
  end

  defp mix(otp, arguments, environment \\ []) do
    # what this run of mix was told must not reach the one that is looked at
    cleared = ~w(BITACTOR_NIF CFLAGS LDFLAGS MIX_QUIET MIX_BUILD_PATH MIX_BUILD_ROOT MIX_HOME)
    environment = Enum.map(cleared, &{&1, nil}) ++ [{"MIX_ENV", "dev"}] ++ environment

    System.cmd("mix", arguments, cd: otp, env: environment, stderr_to_stdout: true)
  end

  defp object(otp), do: Path.join(otp, "_build/dev/lib/bitactor/priv/bitactor_nif.so")

  test "builds once, then only what changed", %{otp: otp, nif: nif} do
    File.write!(nif, @good)
    assert {text, 0} = mix(otp, ["compile"])
    assert text =~ "Compiling the NIF"
    assert File.exists?(object(otp))

    assert {text, 0} = mix(otp, ["compile"])
    refute text =~ "Compiling"

    File.write!(nif, @good <> "\n/* changed */\n")
    assert {text, 0} = mix(otp, ["compile"])
    assert text =~ "Compiling the NIF"

    # an object that somebody else wrote is not ours
    File.write!(object(otp), "no object")
    assert {text, 0} = mix(otp, ["compile"])
    assert text =~ "Compiling the NIF"

    assert {_text, 0} = mix(otp, ["clean"])
    refute File.exists?(object(otp))
  end

  test "an error in C fails mix with the compiler's text", %{otp: otp, nif: nif} do
    File.write!(nif, @good <> "int broken(\n")
    assert {text, 1} = mix(otp, ["compile"])
    assert text =~ "bitactor_nif.c"
    assert text =~ "error: expected"
    refute File.exists?(object(otp))
  end

  test "warnings fail only when asked to", %{otp: otp, nif: nif} do
    File.write!(nif, @good <> "static int unused;\n")
    assert {text, 1} = mix(otp, ["compile", "--warnings-as-errors"])
    assert text =~ "unused"
    assert {_text, 0} = mix(otp, ["compile"])
  end

  test "without a C compiler the Elixir implementation is used, unless the NIF is required",
       %{otp: otp, nif: nif} do
    File.write!(nif, @good)
    tools = Path.join(otp, "tools")
    File.mkdir_p!(tools)

    for tool <- ~w(mix elixir erl erlexec sh dirname basename readlink sed uname env) do
      if path = System.find_executable(tool), do: File.ln_s!(path, Path.join(tools, tool))
    end

    environment = [{"PATH", tools}, {"CC", nil}]
    assert {text, 0} = mix(otp, ["compile"], environment)
    assert text =~ "no C compiler found"
    assert {text, 1} = mix(otp, ["compile"], environment ++ [{"BITACTOR_NIF", "required"}])
    assert text =~ "BITACTOR_NIF=required"
    assert {_text, 0} = mix(otp, ["compile"], environment ++ [{"BITACTOR_NIF", "off"}])
  end

  test "without bitactor_nif.c there is nothing to do", %{otp: otp} do
    assert {text, 0} = mix(otp, ["compile"])
    refute text =~ "NIF"
  end
end
