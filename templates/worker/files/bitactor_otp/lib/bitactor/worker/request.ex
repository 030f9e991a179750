defmodule BitActor.Worker.Request do
  @moduledoc """
  A call of a local `GenServer` with values for errors.

  `call/3` speaks the protocol of `gen:call/4` (OTP's stdlib, `gen.erl`): `{:"$gen_call", from,
  request}`, with an alias for the tag of the answer. It leaves out what a call of a local pid
  does not need (names, nodes, an exit to raise and catch) and lets the alias end with the
  reply, which makes the round trip about a tenth cheaper than `GenServer.call/3`.
  """

  @type t :: :gen_server.request_id_collection()

  @doc """
  The answer; `{:error, :timeout}`; `{:error, :not_started}`: the process was dead before the
  request; `{:error, :crashed}`: it died with it. Why it died is not told: it may be data.
  """
  @spec call(pid, request :: term, timeout) ::
          answer | {:error, :timeout | :not_started | :crashed}
        when answer: term
  def call(pid, request, timeout_ms) do
    monitor = :erlang.monitor(:process, pid, alias: :reply_demonitor)
    _request = send(pid, {:"$gen_call", {self(), [:alias | monitor]}, request})

    receive do
      {[:alias | ^monitor], answer} -> answer
      {:DOWN, ^monitor, :process, _pid, :noproc} -> {:error, :not_started}
      {:DOWN, ^monitor, :process, _pid, _reason} -> {:error, :crashed}
    after
      timeout_ms -> give_up(monitor)
    end
  end

  # After the alias is gone no answer can come; one that came in between is the answer.
  defp give_up(monitor) do
    true = Process.demonitor(monitor, [:flush])

    receive do
      {[:alias | ^monitor], answer} -> answer
    after
      0 -> {:error, :timeout}
    end
  end

  @doc "An empty collection of requests under way."
  @spec new() :: t
  defdelegate new, to: :gen_server, as: :reqids_new

  @doc "Adds a request, whose answer is known by `label`."
  @spec send(pid, request :: term, label :: term, t) :: t
  def send(pid, request, label, requests),
    do: :gen_server.send_request(pid, request, label, requests)

  @doc """
  Waits for all of them, until `deadline` (monotonic time in milliseconds), and adds
  `label => answer` to `answers`.
  """
  @spec collect(t, answers, deadline :: integer) :: answers when answers: %{term => term}
  def collect(requests, answers, deadline) do
    left_ms = max(deadline - System.monotonic_time(:millisecond), 0)

    case :gen_server.receive_response(requests, left_ms, true) do
      :no_request ->
        answers

      :timeout ->
        late = for {_request, label} <- :gen_server.reqids_to_list(requests), do: label
        Enum.reduce(late, answers, &Map.put(&2, &1, {:error, :timeout}))

      {{:reply, answer}, label, requests} ->
        collect(requests, Map.put(answers, label, answer), deadline)

      {{:error, {:noproc, _pid}}, label, requests} ->
        collect(requests, Map.put(answers, label, {:error, :not_started}), deadline)

      {{:error, _died}, label, requests} ->
        collect(requests, Map.put(answers, label, {:error, :crashed}), deadline)
    end
  end
end
