defmodule BitActor.Security.Vault do
  @moduledoc """
  Encryption at rest: AES-256-GCM under a key of a key file.

  The file has a line `id:key` for each key, the key 32 bytes in base64. The first encrypts, all
  decrypt: to rotate, put a new line first, and drop the old one when nothing is left
  that was written with it. What is encrypted names its key by id, so no guess is made.

  A sealed value is `"BAE1", size of id, id, nonce (12), tag (16), ciphertext`. The context, such as
  the name of a file or a key, is authenticated with it: a value that was moved to another place
  does not open. Nonces are random; NIST SP 800-38D, section 8.3, allows 2^32 values for one key
  that way: rotate before.

  Keys are held inside a function, which crash reports and `inspect/1` print without its
  content.
  """

  @magic "BAE1"
  @ring {__MODULE__, :ring}

  @type ring :: [{id :: binary, (() -> <<_::256>>)}, ...]

  @doc "A new line for the key file."
  @spec create(String.t()) :: String.t()
  def create(id) do
    true = id =~ ~r/\A[A-Za-z0-9_-]{1,32}\z/
    "#{id}:#{Base.encode64(:crypto.strong_rand_bytes(32))}"
  end

  @doc "Reads the content of a key file, or says which line is wrong (never what it holds)."
  @spec parse(String.t()) :: {:ok, ring} | {:error, String.t()}
  def parse(content) do
    lines =
      content
      |> String.split("\n")
      |> Enum.with_index(1)
      |> Enum.map(fn {line, number} -> {String.trim(line), number} end)
      |> Enum.reject(fn {line, _} -> line == "" or String.starts_with?(line, "#") end)

    keys = for {line, number} <- lines, do: {parse_line(line), number}
    ids = for {{id, _}, _} <- keys, do: id

    cond do
      wrong = Enum.find(keys, &match?({:error, _}, &1)) ->
        {:error, "line #{elem(wrong, 1)}: not id:key"}

      keys == [] ->
        {:error, "no key"}

      Enum.uniq(ids) != ids ->
        {:error, "an id twice"}

      true ->
        {:ok, Enum.map(keys, &elem(&1, 0))}
    end
  end

  defp parse_line(line) do
    with [id, key] <- String.split(line, ":"),
         true <- id =~ ~r/\A[A-Za-z0-9_-]{1,32}\z/,
         {:ok, <<_::256>> = key} <- Base.decode64(key) do
      {id, fn -> key end}
    else
      _ -> :error
    end
  end

  @doc "Makes `ring` the one that `seal/2` and `open/2` use."
  @spec install(ring) :: :ok
  def install(ring), do: :persistent_term.put(@ring, ring)

  @doc "Encrypts under the first key of the installed ring."
  @spec seal(iodata, context :: binary) :: binary
  def seal(plain, context), do: seal(:persistent_term.get(@ring), plain, context)

  @doc "Decrypts what `seal/2` made for the same context."
  @spec open(binary, context :: binary) :: {:ok, binary} | {:error, :unknown_key | :not_authentic}
  def open(sealed, context), do: open(:persistent_term.get(@ring), sealed, context)

  @doc "As `seal/2`, with a ring given."
  @spec seal(ring, iodata, binary) :: binary
  def seal([{id, key} | _], plain, context) do
    nonce = :crypto.strong_rand_bytes(12)
    head = <<@magic, byte_size(id), id::binary>>
    aad = [head, context]
    {cipher, tag} = :crypto.crypto_one_time_aead(:aes_256_gcm, key.(), nonce, plain, aad, true)
    <<head::binary, nonce::binary, tag::binary, cipher::binary>>
  end

  @doc "As `open/2`, with a ring given."
  @spec open(ring, binary, binary) :: {:ok, binary} | {:error, :unknown_key | :not_authentic}
  def open(ring, <<@magic, size, id::binary-size(size), rest::binary>>, context) do
    case {List.keyfind(ring, id, 0), rest} do
      {nil, _} ->
        {:error, :unknown_key}

      {{_, key}, <<nonce::binary-12, tag::binary-16, cipher::binary>>} ->
        aad = [@magic, size, id, context]

        case :crypto.crypto_one_time_aead(:aes_256_gcm, key.(), nonce, cipher, aad, tag, false) do
          :error -> {:error, :not_authentic}
          plain -> {:ok, plain}
        end

      _ ->
        {:error, :not_authentic}
    end
  end

  def open(_ring, _sealed, _context), do: {:error, :not_authentic}
end
