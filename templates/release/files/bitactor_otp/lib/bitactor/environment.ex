defmodule BitActor.Environment do
  @moduledoc """
  Reads the environment variables of a release into configuration.

  `config/runtime.exs` is its only caller at boot. Everything here is a pure
  function of the map given, apart from looking at the files that variables
  name.

  What holds:

    1. Every variable is named in `variables/0`, which the documents are checked
       against; one that is not there is never read.
    2. A message names the variable and the rule it breaks, never its value: the
       wrong value of one variable may be the secret of another.
    3. All that is wrong is reported at once: first what is wrong by itself, and
       once nothing is, what does not fit together.
    4. Atoms are made from configuration only, and only of bounded length.
  """

  @type variable :: %{
          name: String.t(),
          key: atom | nil,
          default: String.t() | nil,
          required: boolean,
          help: String.t()
        }

  # {name, key, default or :required or nil, rule, help}. Rules are clauses of
  # parse/2. A key of nil: checked here, used elsewhere (env.sh, the logger).
  @table [
    {"BITACTOR_COOKIE", nil, :required, :cookie,
     "Shared secret of the nodes, 20 to 255 bytes; env.sh reads it from BITACTOR_COOKIE_FILE where that is set."},
    {"BITACTOR_NODE", :node, "bitactor@127.0.0.1", :node,
     "Name of this node, name@host. A voter's must stay the same over restarts."},
    {"BITACTOR_ROLE", :role, "voter", {:one_of, ~w(voter gateway)},
     "voter: has a copy of the consensus log; gateway: stateless, scales freely."},
    {"BITACTOR_VOTERS", :voters, nil, :voters,
     "Comma-separated names of all voters: 1, 3 or 5. Default: this node alone."},
    {"BITACTOR_PEERS", :peers, nil, :nodes,
     "Comma-separated names of nodes to connect to, for static discovery."},
    {"BITACTOR_DISCOVERY", :discovery, "static", {:one_of, ~w(static dns)},
     "static: BITACTOR_PEERS; dns: the addresses of BITACTOR_DNS_NAME."},
    {"BITACTOR_DNS_NAME", :dns_name, nil, :dns_name,
     "Name of the headless service, needed where discovery is dns."},
    {"BITACTOR_HTTP_PORT", :http_port, "9568", :port, "Port of health, metrics and admin."},
    {"BITACTOR_DIST_PORT", :dist_port, "9100", :port,
     "Port of Erlang distribution, the same on every node."},
    {"BITACTOR_DATA_DIR", :data_dir, "/var/lib/bitactor", :data_dir,
     "Folder of the log and the snapshots. It must exist; a voter must be able to write there."},
    {"BITACTOR_TLS_DIR", :tls_dir, nil, :tls_dir,
     "Folder with ca.crt, tls.crt and tls.key for distribution over TLS."},
    {"BITACTOR_OTLP_ENDPOINT", :otlp_endpoint, nil, :url,
     "OpenTelemetry collector, http://host:4318. Not set: no traces are sent."},
    {"BITACTOR_ADMIN_TOKENS_FILE", :admin_tokens_file, nil, :file,
     "File of hashed tokens with their roles. Not set: the admin API refuses everybody."},
    {"BITACTOR_ENCRYPTION_KEY_FILE", :encryption_key_file, nil, :file,
     "File with the keys for encryption at rest. Not set: data is stored as it is."},
    {"BITACTOR_WORKER_DURABILITY", :worker_durability, "memory", {:one_of, ~w(memory disk)},
     "disk: workers' state survives the node, at an fsync for each signal; memory: only the worker."},
    {"BITACTOR_LOG_LEVEL", nil, "info", {:one_of, ~w(debug info notice warning error)},
     "Least important level that is logged."}
  ]

  @doc "The variables that `read/1` knows, in the order of the documents."
  @spec variables() :: [variable]
  def variables do
    for {name, key, default, _rule, help} <- @table do
      %{
        name: name,
        key: key,
        default: if(default == :required, do: nil, else: default),
        required: default == :required,
        help: help
      }
    end
  end

  @doc """
  Reads the variables out of `env`, a map as of `System.get_env/0`.

  Returns `{:ok, config, log_level}`, where config is what belongs under the
  application `:bitactor`, or `{:error, messages}` with one message for each
  variable that is missing or wrong. An empty value counts as not set.
  """
  @spec read(%{String.t() => String.t()}) ::
          {:ok, keyword, atom} | {:error, [String.t(), ...]}
  def read(env) do
    results =
      for {name, key, default, rule, _help} <- @table do
        {name, key, value(env[name], default, rule)}
      end

    parsed = for {name, _, {:ok, value}} <- results, into: %{}, do: {name, value}
    wrong = for {name, _, {:error, rule}} <- results, do: "#{name} #{rule}"

    case wrong ++ if(wrong == [], do: together(parsed), else: []) do
      [] ->
        config = for {_, key, {:ok, value}} <- results, key != nil, do: {key, value}
        voters = config[:voters] || [parsed["BITACTOR_NODE"]]
        # The nodes that serve keys: the voters; a gateway forwards to them.
        members = if length(voters) > 1, do: voters, else: []
        config = Keyword.merge(config, voters: voters, members: members)
        {:ok, config, parsed["BITACTOR_LOG_LEVEL"]}

      messages ->
        {:error, messages}
    end
  end

  defp value(raw, default, rule) when raw in [nil, ""] do
    case default do
      :required -> {:error, "is not set"}
      nil -> {:ok, if(rule == :nodes, do: [])}
      text -> parse(rule, text)
    end
  end

  defp value(raw, _default, rule) do
    if String.valid?(raw), do: parse(rule, raw), else: {:error, "is not valid UTF-8"}
  end

  # What only shows when the variables are seen together.
  defp together(parsed) do
    node = parsed["BITACTOR_NODE"]
    voters = parsed["BITACTOR_VOTERS"] || [node]

    Enum.reject(
      [
        parsed["BITACTOR_DISCOVERY"] == :dns and parsed["BITACTOR_DNS_NAME"] == nil and
          "BITACTOR_DNS_NAME is not set, and BITACTOR_DISCOVERY is dns",
        parsed["BITACTOR_ROLE"] == :voter and node not in voters and
          "BITACTOR_VOTERS does not name this node, and BITACTOR_ROLE is voter",
        parsed["BITACTOR_ROLE"] == :gateway and node in voters and
          "BITACTOR_VOTERS must name other nodes where BITACTOR_ROLE is gateway",
        parsed["BITACTOR_ROLE"] == :voter and not writable?(parsed["BITACTOR_DATA_DIR"]) and
          "BITACTOR_DATA_DIR must be a folder that this user can write to"
      ],
      &(&1 == false)
    )
  end

  defp parse({:one_of, words}, text) do
    # One of the words of this file.
    if text in words,
      do: {:ok, String.to_atom(text)},
      else: {:error, "must be one of #{Enum.join(words, ", ")}"}
  end

  defp parse(:port, text) do
    case Integer.parse(text) do
      {port, ""} when port in 1..65_535 -> {:ok, port}
      _ -> {:error, "must be a port from 1 to 65535"}
    end
  end

  defp parse(:cookie, text) do
    cond do
      byte_size(text) not in 20..255 -> {:error, "must have 20 to 255 bytes"}
      text =~ ~r/\A[A-Za-z0-9+\/=_.][A-Za-z0-9+\/=_.-]*\z/ -> {:ok, :set}
      true -> {:error, "may hold only A-Z a-z 0-9 + / = _ . -"}
    end
  end

  # Node names are atoms and these are new. They come from the operator, once, at the start.
  defp parse(:node, text) do
    if text =~ ~r/\A[A-Za-z0-9_][A-Za-z0-9_-]*@[A-Za-z0-9.-]+\z/ and byte_size(text) <= 255,
      do: {:ok, String.to_atom(text)},
      else: {:error, "must be name@host"}
  end

  defp parse(:nodes, text) do
    nodes = text |> String.split(",") |> Enum.map(&parse(:node, String.trim(&1)))

    cond do
      Enum.any?(nodes, &match?({:error, _}, &1)) -> {:error, "must be name@host,name@host,..."}
      Enum.uniq(nodes) != nodes -> {:error, "names a node twice"}
      true -> {:ok, Enum.map(nodes, &elem(&1, 1))}
    end
  end

  defp parse(:voters, text) do
    case parse(:nodes, text) do
      {:ok, nodes} when length(nodes) in [1, 3, 5] -> {:ok, nodes}
      {:ok, _} -> {:error, "must name 1, 3 or 5 nodes"}
      error -> error
    end
  end

  defp parse(:dns_name, text) do
    if text =~ ~r/\A[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?\z/ and byte_size(text) <= 253,
      do: {:ok, text},
      else: {:error, "must be a DNS name"}
  end

  defp parse(:url, text) do
    case URI.parse(text) do
      %URI{scheme: scheme, host: host, userinfo: nil}
      when scheme in ["http", "https"] and host not in [nil, ""] ->
        {:ok, text}

      _ ->
        {:error, "must be http://host:port or https://host:port, without a password"}
    end
  end

  defp parse(:data_dir, text) do
    if Path.type(text) == :absolute,
      do: {:ok, text},
      else: {:error, "must be an absolute path"}
  end

  defp parse(:file, text) do
    cond do
      Path.type(text) != :absolute -> {:error, "must be an absolute path"}
      readable?(text) -> {:ok, text}
      true -> {:error, "names no file that can be read"}
    end
  end

  defp parse(:tls_dir, text) do
    missing = Enum.reject(~w(ca.crt tls.crt tls.key), &readable?(Path.join(text, &1)))

    cond do
      Path.type(text) != :absolute -> {:error, "must be an absolute path"}
      missing == [] -> {:ok, text}
      true -> {:error, "has no readable #{Enum.join(missing, ", ")}"}
    end
  end

  defp readable?(path) do
    case File.stat(path) do
      {:ok, %File.Stat{type: :regular, access: access}} -> access in [:read, :read_write]
      _ -> false
    end
  end

  defp writable?(path) do
    case File.stat(path) do
      {:ok, %File.Stat{type: :directory, access: access}} -> access in [:write, :read_write]
      _ -> false
    end
  end
end
