defmodule BitActor do
  @moduledoc """
  The application: starts the supervision tree and takes the node out of service without
  losing what was acknowledged.

  ## Phases

  `phase/0` tells where the node stands; it is a `:persistent_term`, so it answers without any
  process, in some ten nanoseconds.

  | phase | readiness | new requests |
  | --- | --- | --- |
  | `:starting` | no | refused |
  | `:serving` | yes | taken |
  | `:draining` | no | taken, for `:drain_delay_ms`: load balancers still send them |
  | `:closed` | no | refused with `{:error, :draining}`; those in flight are waited for |

  A part that has work in flight registers a hook with `on_drain/2`; the hooks run when the
  phase is `:closed`, together they have `:drain_timeout_ms`.
  """
  use Application

  require Logger

  # names of persistent terms: an atom is found quicker than a tuple
  @phase __MODULE__.Phase
  @hooks __MODULE__.Hooks
  @nif __MODULE__.Nif

  @type phase :: :starting | :serving | :draining | :closed
  @type nif :: :loaded | :absent | {:fallback, reason :: String.t()}

  @impl true
  def start(_type, _arguments) do
    :persistent_term.put(@hooks, %{})
    :persistent_term.put(@phase, :starting)
    add_log_handlers()

    with :ok <- check_nif(Application.get_env(:bitactor, :nif, :auto)),
         {:ok, supervisor} <- BitActor.Supervisor.start_link() do
      :persistent_term.put(@phase, :serving)
      {:ok, supervisor}
    end
  end

  @doc """
  Takes the node out of service: readiness first, then new requests, then those in flight.
  OTP calls it before it stops the tree, so a SIGTERM, `init:stop/0` and a release's `stop`
  all come through here.
  """
  @impl true
  def prep_stop(state) do
    started = System.monotonic_time(:millisecond)
    :persistent_term.put(@phase, :draining)
    wait(Application.get_env(:bitactor, :drain_delay_ms, 0))
    :persistent_term.put(@phase, :closed)

    timeout_ms = Application.get_env(:bitactor, :drain_timeout_ms, 25_000)
    deadline = System.monotonic_time(:millisecond) + timeout_ms
    failed = for {name, hook} <- hooks(), not drained?(hook, deadline), do: name

    took_ms = System.monotonic_time(:millisecond) - started

    if failed == [],
      do: Logger.notice("drained in #{took_ms} ms"),
      else: Logger.warning("not drained after #{took_ms} ms: #{inspect(failed)}")

    state
  end

  @impl true
  def stop(_state) do
    for key <- [@phase, @hooks, @nif], do: :persistent_term.erase(key)
    :ok
  end

  @doc "The version of the running application."
  @spec version() :: String.t()
  def version do
    case Application.spec(:bitactor, :vsn) do
      nil -> "unknown"
      vsn -> List.to_string(vsn)
    end
  end

  @doc "Where the node stands; `:closed` when the application does not run."
  @spec phase() :: phase
  def phase, do: :persistent_term.get(@phase, :closed)

  @doc """
  Whether the node is on its way out (or not running): readiness must say no.

      iex> BitActor.draining?()
      false
  """
  @spec draining?() :: boolean
  def draining?, do: phase() in [:draining, :closed]

  @doc """
  Whether new requests are taken.

      iex> BitActor.accepting?()
      true
  """
  @spec accepting?() :: boolean
  def accepting?, do: phase() in [:serving, :draining]

  @doc """
  Registers what is to be waited for at the stop. The hook gets the monotonic time in
  milliseconds by which it must return and answers `:ok` or `{:error, term}`; hooks run one
  after the other in the order of their names, each in a process of its own.
  Registering a name again replaces its hook.
  """
  @spec on_drain(atom, (deadline :: integer -> :ok | {:error, term})) :: :ok
  def on_drain(name, hook) when is_atom(name) and is_function(hook, 1) do
    # Registrations come from the tree's starting children, one at a time.
    :persistent_term.put(@hooks, Map.put(:persistent_term.get(@hooks, %{}), name, hook))
  end

  @doc """
  What became of the NIF at start: `:loaded`, `:absent` (the project has none) or
  `{:fallback, reason}` (the Elixir implementation is in use).
  """
  @spec nif() :: nif
  def nif, do: :persistent_term.get(@nif, :absent)

  @doc "The event catalogue of this module."
  @spec events() :: [map]
  def events, do: []

  defp add_log_handlers do
    case :logger.add_handlers(:bitactor) do
      :ok -> :ok
      # a restart within one virtual machine: they are there
      {:error, {_handler, {:already_exist, _id}}} -> :ok
      {:error, reason} -> Logger.error("log handlers of :bitactor: #{inspect(reason)}")
    end
  end

  # The NIF block, where there is one, has a health check named :nif; the module behind it also
  # tells whether the library is loaded.
  defp check_nif(mode) do
    case {mode, Keyword.get(BitActor.Catalogue.health_checks(), :nif)} do
      {_mode, nil} -> nif_is(:absent, mode)
      {:off, _check} -> nif_is({:fallback, "switched off"}, mode)
      {_mode, check} -> nif_is(nif_state(check), mode)
    end
  end

  defp nif_state(check) do
    {:module, module} = Function.info(check, :module)

    case check.() do
      {:error, reason} -> {:fallback, reason}
      :ok -> if module.loaded?(), do: :loaded, else: {:fallback, "not loaded"}
    end
  end

  defp nif_is(:loaded, _mode), do: :persistent_term.put(@nif, :loaded)
  defp nif_is(state, :required), do: {:error, {:nif, state}}

  defp nif_is(state, _mode) do
    if state != :absent, do: Logger.warning("NIF: #{inspect(state)}")
    :persistent_term.put(@nif, state)
  end

  defp hooks, do: Enum.sort(:persistent_term.get(@hooks, %{}))

  # A hook that raises or hangs must not keep the others from running.
  defp drained?(hook, deadline) do
    {pid, monitor} = spawn_monitor(fn -> exit({:drained, hook.(deadline)}) end)

    receive do
      {:DOWN, ^monitor, :process, ^pid, reason} -> reason == {:drained, :ok}
    after
      max(deadline - System.monotonic_time(:millisecond), 0) ->
        Process.demonitor(monitor, [:flush])
        Process.exit(pid, :kill)
        false
    end
  end

  defp wait(0), do: :ok

  defp wait(milliseconds) do
    receive do
    after
      milliseconds -> :ok
    end
  end
end
