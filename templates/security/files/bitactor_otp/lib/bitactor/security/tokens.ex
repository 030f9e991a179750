defmodule BitActor.Security.Tokens do
  @moduledoc """
  Bearer tokens and the file that says who may use which.

  A token is `bat.NAME.SECRET`, the secret 32 random bytes. The file holds a line for each,
  never the secret:

      # name : roles : SHA-256 of the secret, in hexadecimal : last day (optional)
      alice:admin:9f86d0...:2027-12-31
      metrics:viewer:60303a...

  A plain hash is enough here, for the secret is random and long: there is nothing to guess
  that a slow hash would protect. Comparing takes the same time wherever two hashes differ, and
  whether or not the name is known.
  """

  @prefix "bat"
  @secret_bytes 32
  @name ~r/\A[a-z0-9][a-z0-9_-]{0,31}\z/
  # What is compared against where there is no such name.
  @nobody :crypto.hash(:sha256, "no token has this hash")

  @type roles :: [atom]
  @type table :: %{String.t() => {hash :: <<_::256>>, roles, Date.t() | nil}}

  @doc """
  Makes a token for `name`: the token, to be handed over and forgotten, and the line for the
  file. Raises where the name or a role is none.
  """
  @spec create(String.t(), roles, Date.t() | nil) :: {token :: String.t(), line :: String.t()}
  def create(name, roles, last_day \\ nil) do
    true = name =~ @name
    true = roles != [] and Enum.all?(roles, &(&1 in BitActor.Security.Roles.all()))
    secret = Base.url_encode64(:crypto.strong_rand_bytes(@secret_bytes), padding: false)
    fields = [name, Enum.join(roles, ","), Base.encode16(hash(secret), case: :lower)]
    line = Enum.join(fields ++ if(last_day, do: [Date.to_iso8601(last_day)], else: []), ":")
    {"#{@prefix}.#{name}.#{secret}", line}
  end

  @doc "Reads the content of a token file, or says which line is wrong (never what it holds)."
  @spec parse(String.t()) :: {:ok, table} | {:error, String.t()}
  def parse(content) do
    content
    |> String.split("\n")
    |> Enum.with_index(1)
    |> Enum.reduce_while({:ok, %{}}, fn {line, number}, {:ok, table} ->
      case parse_line(String.trim(line)) do
        :empty -> {:cont, {:ok, table}}
        {name, _} when is_map_key(table, name) -> {:halt, {:error, "line #{number}: name twice"}}
        {name, entry} -> {:cont, {:ok, Map.put(table, name, entry)}}
        :error -> {:halt, {:error, "line #{number}: not name:roles:hash or name:roles:hash:day"}}
      end
    end)
  end

  @doc "Whose token it is, on the given day."
  @spec verify(table, token :: term, Date.t()) ::
          {:ok, %{name: String.t(), roles: roles}} | {:error, :bad_token | :expired}
  def verify(table, token, today) do
    {name, secret} = split(token)
    {expected, roles, last_day} = Map.get(table, name, {@nobody, [], nil})

    cond do
      not :crypto.hash_equals(hash(secret), expected) -> {:error, :bad_token}
      last_day != nil and Date.compare(today, last_day) == :gt -> {:error, :expired}
      true -> {:ok, %{name: name, roles: roles}}
    end
  end

  defp split(token) when is_binary(token) and byte_size(token) <= 256 do
    case String.split(token, ".") do
      [@prefix, name, secret] -> {name, secret}
      _ -> {"", ""}
    end
  end

  defp split(_), do: {"", ""}

  defp hash(secret), do: :crypto.hash(:sha256, secret)

  defp parse_line(""), do: :empty
  defp parse_line("#" <> _), do: :empty

  defp parse_line(line) do
    with [name, roles, hash | day] when length(day) <= 1 <- String.split(line, ":"),
         true <- name =~ @name,
         {:ok, roles} <- parse_roles(String.split(roles, ",")),
         {:ok, <<_::256>> = hash} <- Base.decode16(hash, case: :lower),
         {:ok, day} <- parse_day(day) do
      {name, {hash, roles, day}}
    else
      _ -> :error
    end
  end

  defp parse_roles(words) do
    known = Map.new(BitActor.Security.Roles.all(), &{Atom.to_string(&1), &1})

    if Enum.all?(words, &is_map_key(known, &1)),
      do: {:ok, Enum.map(words, &known[&1])},
      else: :error
  end

  defp parse_day([]), do: {:ok, nil}
  defp parse_day([text]), do: Date.from_iso8601(text)
end
