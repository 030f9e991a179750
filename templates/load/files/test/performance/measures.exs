defmodule BitActor.Load.Bare do
  @moduledoc """
  What the system's actors are held against: a GenServer around the same state, found
  by its pid, without a name, a store, a limit or a deadline.
  """
  use GenServer

  alias BitActor.Worker.State

  def start_link(key), do: GenServer.start_link(__MODULE__, key)

  @impl true
  def init(key), do: {:ok, State.new(BitActor.Worker.Tally, key)}

  @impl true
  def handle_call({:signal, signal}, _from, state) do
    {:ok, reply, state} = State.apply(state, signal)
    {:reply, {:ok, reply}, state}
  end
end

defmodule BitActor.Load.Measures do
  @moduledoc """
  Timing and statistics of the load test. Times are nanoseconds of the monotonic clock.
  """

  @doc "The time of each of `count` calls of `work`, one after the other."
  def times(count, work) do
    for i <- 1..count do
      started = System.monotonic_time()
      work.(i)
      System.convert_time_unit(System.monotonic_time() - started, :native, :nanosecond)
    end
  end

  @doc "How long `work` takes."
  def time(work) do
    started = System.monotonic_time()
    result = work.()
    {System.convert_time_unit(System.monotonic_time() - started, :native, :nanosecond), result}
  end

  @doc "Median, 99th and 99.9th percentile and largest of a list: the nearest rank."
  def quantiles(values) do
    sorted = values |> Enum.sort() |> List.to_tuple()

    at = fn share ->
      elem(sorted, min(ceil(tuple_size(sorted) * share), tuple_size(sorted)) - 1)
    end

    %{p50: at.(0.5), p99: at.(0.99), p999: at.(0.999), max: at.(1.0)}
  end

  @doc "Median, smallest and largest of a list of rounds."
  def spread(values) do
    %{p50: median, max: max} = quantiles(values)
    %{median: median, min: Enum.min(values), max: max, runs: length(values)}
  end

  @doc """
  Runs each of the named pieces of work in turn, `rounds` times, so that a change of
  the machine's speed meets all alike. Returns the list of results of each.
  """
  def interleaved(rounds, works) do
    for(_ <- 1..rounds, do: for({name, work} <- works, do: {name, work.()}))
    |> List.flatten()
    |> Enum.group_by(&elem(&1, 0), &elem(&1, 1))
  end

  @doc """
  Open loop: `rate` calls of `work` a second for `seconds`, whether or not earlier ones
  are answered. They arrive in bursts, one a millisecond; `callers` processes take them.
  A call's time runs from its arrival, so that waiting for a free caller counts too. A
  pacer that wakes late sends all that is due.

  Returns the times, and the results that are not `{:ok, _}`.
  """
  def open_loop(rate, seconds, callers, work) do
    pids = List.to_tuple(for(_ <- 1..callers, do: spawn_link(fn -> caller(work, [], []) end)))
    started = System.monotonic_time(:microsecond)
    pace(pids, rate, started, 0, rate * seconds)

    answers =
      for pid <- Tuple.to_list(pids) do
        send(pid, {:report, self()})

        receive do
          {^pid, times, failed} -> {times, failed}
        end
      end

    {Enum.flat_map(answers, &elem(&1, 0)), Enum.flat_map(answers, &elem(&1, 1))}
  end

  defp pace(_pids, _rate, _started, total, total), do: :ok

  defp pace(pids, rate, started, sent, total) do
    receive do
    after
      1 -> :ok
    end

    now = System.monotonic_time(:microsecond)
    due = min(div((now - started) * rate, 1_000_000), total)
    arrival = System.monotonic_time()

    for i <- (sent + 1)..due//1,
        do: send(elem(pids, rem(i, tuple_size(pids))), {:call, i, arrival})

    pace(pids, rate, started, due, total)
  end

  defp caller(work, times, failed) do
    receive do
      {:call, i, arrival} ->
        answer = work.(i)
        time = System.convert_time_unit(System.monotonic_time() - arrival, :native, :nanosecond)

        case answer do
          {:ok, _} -> caller(work, [time | times], failed)
          other -> caller(work, [time | times], [other | failed])
        end

      {:report, to} ->
        send(to, {self(), times, failed})
    end
  end

  @doc "A batch of `count` signals of kind DATA, to destinations 0 to `actors - 1`."
  def batch(count, actors) do
    for i <- 1..count, into: <<>> do
      <<1, 0, 8::16-little, 0::32, 1::64-little, rem(i * 7_919, actors)::64-little, i::64-little,
        0::64, i::64-little, 0::128>>
    end
  end

  @doc "Starts the application's actors 1 to `actors` by one signal each."
  def start_actors(actors) do
    1..actors
    |> Task.async_stream(&BitActor.Server.dispatch(&1, signal(0)), ordered: false, timeout: 60_000)
    |> Enum.frequencies_by(fn {:ok, answer} -> elem(answer, 0) end)
  end

  @doc "The signal that the calls carry."
  def signal(i),
    do: %BitActor.Signal{kind: 64, source: 1, destination: i, sequence: i, payload: "12345678"}

  @doc "An open loop over the actors 1 to `actors` of this node."
  def loop_here(actors, rate, seconds, callers) do
    open_loop(rate, seconds, callers, fn i ->
      BitActor.Server.dispatch(rem(i * 7_919, actors) + 1, signal(i))
    end)
  end
end
