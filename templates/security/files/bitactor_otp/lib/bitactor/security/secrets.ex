defmodule BitActor.Security.Secrets do
  @moduledoc """
  Reads the files of secrets and notices when they change: tokens, keys, the certificate's end.

  A file that is wrong stops the start. Later, one that became wrong is reported and the
  secrets of before stay in use: a half-written file must not lock everybody out.
  """
  use GenServer

  alias BitActor.Security.{Tokens, Vault}
  alias BitActor.Telemetry

  require Logger

  @look_ms 10_000
  # A line of the key file with this id is the key of the audit log, not of data.
  @audit_id "audit"

  @doc "Starts the process, which reads the files before it returns."
  @spec start_link(keyword) :: GenServer.on_start()
  def start_link(options \\ []), do: GenServer.start_link(__MODULE__, options, name: __MODULE__)

  @doc "The tokens in use. Without a file nobody has one."
  @spec tokens() :: Tokens.table()
  def tokens, do: :persistent_term.get({__MODULE__, :tokens}, %{})

  @doc "The key of the audit log inside a function, or nil."
  @spec audit_key() :: (() -> binary) | nil
  def audit_key, do: :persistent_term.get({__MODULE__, :audit_key}, nil)

  @doc "Reads the files again, at once."
  @spec reload() :: :ok | {:error, String.t()}
  def reload, do: GenServer.call(__MODULE__, :reload)

  @doc "When the certificate in `:tls_dir` ends, in seconds of Unix time; 0 where there is none."
  @spec certificate_expiry() :: non_neg_integer
  def certificate_expiry do
    with folder when is_binary(folder) <- Application.get_env(:bitactor, :tls_dir),
         {:ok, pem} <- File.read(Path.join(folder, "tls.crt")),
         [{:Certificate, der, _} | _] <- :public_key.pem_decode(pem) do
      {:Certificate, to_be_signed, _, _} = :public_key.pkix_decode_cert(der, :plain)
      # TBSCertificate: version, serial, signature, issuer, validity, ...
      {:Validity, _from, until} = elem(to_be_signed, 5)
      unix(until)
    else
      _ -> 0
    end
  end

  @impl true
  def init(_options) do
    case read() do
      {:ok, contents} ->
        Process.send_after(self(), :look, @look_ms)
        {:ok, %{digest: digest(contents)}}

      {:error, message} ->
        {:stop, {:secrets, message}}
    end
  end

  @impl true
  def handle_call(:reload, _from, state) do
    {answer, state} = reload(state)
    {:reply, answer, state}
  end

  @impl true
  def handle_info(:look, state) do
    Process.send_after(self(), :look, @look_ms)

    if digest(contents()) == state.digest,
      do: {:noreply, state},
      else: {:noreply, elem(reload(state), 1)}
  end

  def handle_info(_message, state), do: {:noreply, state}

  defp reload(state) do
    case read() do
      {:ok, contents} ->
        told(:ok)
        {:ok, %{state | digest: digest(contents)}}

      {:error, message} ->
        Logger.error("secrets: #{message}; those of before stay in use")
        told(:error)
        # Not read again before it changes once more.
        {{:error, message}, %{state | digest: digest(contents())}}
    end
  end

  defp told(result) do
    Telemetry.execute([:bitactor, :security, :reloaded], %{count: 1}, %{result: result})
  end

  # Both files are read and understood before either is used.
  defp read do
    [tokens, keys] = contents = contents()

    with {:ok, table} <- parse(tokens, "admin_tokens_file", %{}, &Tokens.parse/1),
         {:ok, ring} <- parse(keys, "encryption_key_file", [], &Vault.parse/1) do
      :persistent_term.put({__MODULE__, :tokens}, table)
      install(ring)
      {:ok, contents}
    end
  end

  defp parse(:none, _name, nothing, _parse), do: {:ok, nothing}
  defp parse({:error, reason}, name, _, _), do: {:error, "#{name}: #{:file.format_error(reason)}"}

  defp parse({:ok, content}, name, _nothing, parse) do
    with {:error, message} <- parse.(content), do: {:error, "#{name}: #{message}"}
  end

  defp install(ring) do
    {audit, data} = Enum.split_with(ring, fn {id, _} -> id == @audit_id end)

    :persistent_term.put(
      {__MODULE__, :audit_key},
      audit |> Enum.map(&elem(&1, 1)) |> List.first()
    )

    if data != [] do
      Vault.install(data)
      Application.put_env(:bitactor, :cipher, Vault)
    end
  end

  defp contents do
    for name <- [:admin_tokens_file, :encryption_key_file] do
      case Application.get_env(:bitactor, name) do
        nil -> :none
        path -> File.read(path)
      end
    end
  end

  defp digest(contents), do: :crypto.hash(:sha256, :erlang.term_to_binary(contents))

  # X.509 times: YYMMDDHHMMSSZ up to 2049 (RFC 5280, section 4.1.2.5), else with four digits.
  defp unix({:utcTime, time}) do
    year = time |> Enum.take(2) |> List.to_integer()
    unix({:generalTime, Integer.to_charlist(if(year < 50, do: 20, else: 19)) ++ time})
  end

  defp unix({:generalTime, time}) do
    {numbers, ~c"Z"} = Enum.split(time, 14)
    [y, mo, d, h, mi, s] = numbers |> List.to_string() |> digits([4, 2, 2, 2, 2, 2])
    DateTime.to_unix(DateTime.new!(Date.new!(y, mo, d), Time.new!(h, mi, s)))
  end

  defp digits(_text, []), do: []

  defp digits(text, [width | widths]) do
    {number, rest} = String.split_at(text, width)
    [String.to_integer(number) | digits(rest, widths)]
  end
end
