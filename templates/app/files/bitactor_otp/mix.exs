defmodule Mix.Tasks.Compile.BitactorNif do
  @moduledoc """
  Builds `priv/bitactor_nif.so` out of `../src/cns` when `bitactor_nif.c` lies there.

  Answers as a Mix compiler must: `{:ok, diagnostics}` after a build, `{:noop, diagnostics}` when
  nothing changed, `{:error, diagnostics}` with the compiler's own text otherwise. What decides is
  the content of the sources, the command line and the built object, never a time stamp.

  Environment: `CC`, `CFLAGS` and `LDFLAGS` (appended, e.g. `-fsanitize=address`); `BITACTOR_NIF`
  is `auto` (the default: a machine without a C compiler gets the Elixir implementation),
  `required` (no C compiler is an error) or `off`.
  """
  use Mix.Task.Compiler

  alias Mix.Task.Compiler.Diagnostic

  @sources ~w(bitactor.c bitactor_nif.c)
  @flags ~w(-std=c11 -O2 -g -fPIC -fvisibility=hidden -fstack-protector-strong) ++
           ~w(-Wall -Wextra -Wconversion)

  @impl true
  def run(args) do
    mode = System.get_env("BITACTOR_NIF", "auto")

    cond do
      mode == "off" or not File.exists?(Path.join(folder(), "bitactor_nif.c")) ->
        {:noop, []}

      compiler() == nil and mode != "required" ->
        Mix.shell().info("no C compiler found: BitActor runs on its Elixir implementation")
        {:noop, []}

      compiler() == nil ->
        failed([diagnostic("BITACTOR_NIF=required, and no C compiler was found", :error)])

      true ->
        compile("--warnings-as-errors" in args)
    end
  end

  @impl true
  def manifests, do: [manifest()]

  @impl true
  def clean do
    File.rm(object())
    File.rm(manifest())
    :ok
  end

  defp compile(strict?) do
    case File.read(manifest()) do
      {:ok, digest} -> if digest == digest(), do: {:noop, []}, else: build(strict?)
      {:error, _missing} -> build(strict?)
    end
  end

  # The object is written beside its place and renamed: a running system that has
  # the old one loaded keeps its pages.
  defp build(strict?) do
    File.mkdir_p!(Path.dirname(object()))
    Mix.shell().info("Compiling the NIF (#{Enum.join(@sources, ", ")})")
    fresh = object() <> ".new"
    [program | flags] = command()
    options = [stderr_to_stdout: true, env: [{"LC_ALL", "C"}]]
    {text, status} = System.cmd(program, flags ++ ["-o", fresh], options)
    if text != "", do: Mix.shell().error(text)
    diagnostics = diagnostics(text)

    cond do
      status != 0 ->
        File.rm(fresh)
        {:error, [diagnostic(text, :error) | diagnostics]}

      strict? and diagnostics != [] ->
        File.rm(fresh)
        {:error, diagnostics}

      true ->
        File.rename!(fresh, object())
        File.mkdir_p!(Path.dirname(manifest()))
        File.write!(manifest(), digest())
        {:ok, diagnostics}
    end
  end

  defp failed([first | _] = diagnostics) do
    Mix.shell().error(first.message)
    {:error, diagnostics}
  end

  defp command do
    include = Path.join([:code.root_dir(), "erts-#{:erlang.system_info(:version)}", "include"])
    sources = Enum.map(@sources, &Path.join(folder(), &1))
    includes = ["-isystem", include, "-I", folder()]
    [compiler()] ++ @flags ++ includes ++ extra("CFLAGS") ++ link() ++ sources ++ extra("LDFLAGS")
  end

  defp extra(variable), do: String.split(System.get_env(variable, ""))

  defp link do
    case :os.type() do
      {:unix, :darwin} -> ~w(-dynamiclib -undefined dynamic_lookup)
      _other -> ~w(-shared -Wl,-z,relro -Wl,-z,now)
    end
  end

  defp compiler do
    [System.get_env("CC"), "cc", "gcc", "clang"]
    |> Enum.reject(&(&1 in [nil, ""]))
    |> Enum.find_value(&System.find_executable/1)
  end

  defp digest do
    contents =
      for path <- Enum.sort(Path.wildcard(Path.join(folder(), "*.{c,h}"))) ++ [object()] do
        {path, File.read(path)}
      end

    :crypto.hash(:sha256, :erlang.term_to_binary({command(), contents}))
  end

  defp diagnostics(text) do
    for [_all, file, line, severity, message] <-
          Regex.scan(~r/^(.+?):(\d+):\d+: (?:fatal )?(error|warning): (.+)$/m, text) do
      %Diagnostic{
        compiler_name: "bitactor_nif",
        file: Path.expand(file),
        position: String.to_integer(line),
        severity: if(severity == "error", do: :error, else: :warning),
        message: message
      }
    end
  end

  defp diagnostic(message, severity) do
    %Diagnostic{
      compiler_name: "bitactor_nif",
      file: Path.join(folder(), "bitactor_nif.c"),
      position: 0,
      severity: severity,
      message: message
    }
  end

  defp folder, do: Path.expand("../src/cns", File.cwd!())
  defp object, do: Path.join([Mix.Project.app_path(), "priv", "bitactor_nif.so"])
  defp manifest, do: Path.join(Mix.Project.manifest_path(), "compile.bitactor_nif")
end

defmodule BitActor.MixProject do
  use Mix.Project

  @version "0.1.0"

  def project do
    [
      app: :bitactor,
      version: System.get_env("BITACTOR_VERSION", @version),
      elixir: "~> 1.14",
      start_permanent: Mix.env() == :prod,
      compilers: [:bitactor_nif | Mix.compilers()],
      elixirc_paths: ["lib"],
      test_paths: test_paths(),
      # ERL_LIBS may bring applications (ra) that no dependency names
      prune_code_paths: false,
      deps: deps(System.get_env("BITACTOR_PROFILE", "otp")),
      aliases: aliases(),
      releases: releases(),
      # as ci/dialyzer.sh asks it: iodata is made of improper lists
      dialyzer: [flags: [:unmatched_returns, :no_improper_lists]]
    ] ++ preferred_envs()
  end

  def application do
    [
      mod: {BitActor, []},
      # the generated catalogue of the blocks that are present
      env: [blocks: BitActor.Blocks],
      extra_applications: [:logger, :crypto, :ssl, :inets, :runtime_tools]
    ]
  end

  def cli, do: [preferred_envs: [check: :test, precommit: :test]]

  # Mix before 1.15 knows only the old place of the same setting, later ones warn about it.
  defp preferred_envs do
    if Version.match?(System.version(), "< 1.15.0"),
      do: [preferred_cli_env: cli()[:preferred_envs]],
      else: []
  end

  # The load and integration tests lie beside the project, each with its own test_helper.exs.
  defp test_paths do
    Enum.filter(["test", "../test/performance", "../test/integration"], fn path ->
      File.exists?(Path.join([__DIR__, path, "test_helper.exs"]))
    end)
  end

  defp aliases do
    checks = ["compile --warnings-as-errors", "xref graph --format cycles --fail-above 0"]

    [
      # what CI runs: changes nothing
      check: ["format --check-formatted" | checks] ++ ["test"],
      # what a developer runs: formats first
      precommit: ["format" | checks] ++ ["test"]
    ]
  end

  defp releases do
    path = Path.join(__DIR__, "rel/config.exs")
    if File.exists?(path), do: elem(Code.eval_file(path), 0), else: []
  end

  # The default profile needs nothing but Erlang and Elixir.
  defp deps("otp"), do: []

  # The versions are bounded by Erlang/OTP 25: ra 2.16.13 and later need OTP 26.
  defp deps("hex") do
    [
      {:telemetry, "~> 1.2"},
      {:jason, "~> 1.4"},
      {:opentelemetry_api, "~> 1.3"},
      {:opentelemetry, "~> 1.4"},
      {:opentelemetry_exporter, "~> 1.7"},
      {:libcluster, "~> 3.4"},
      {:ra, "~> 2.14.0 or ~> 2.15.0"},
      {:gen_batch_server, "~> 0.8.8", override: true},
      {:stream_data, "~> 1.1", only: [:dev, :test]},
      {:dialyxir, "~> 1.4", only: [:dev, :test], runtime: false},
      {:credo, "~> 1.7", only: [:dev, :test], runtime: false},
      {:sobelow, "~> 0.13", only: [:dev, :test], runtime: false}
    ]
  end

  defp deps(other),
    do: Mix.raise("BITACTOR_PROFILE is #{inspect(other)}: it must be otp or hex")
end
