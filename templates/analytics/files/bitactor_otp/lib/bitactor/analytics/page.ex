defmodule BitActor.Analytics.Page do
  @moduledoc """
  The live page and its stream.

  The page is one file (`page.html`, compiled in) that loads nothing else: its policy
  (Content-Security-Policy) allows its own style and script by their SHA-256 and connections
  to where it came from, nothing more.

  The stream is server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html):
  first the points so far, then each new one. A client that reads too slowly gets the newest
  point and misses those between.
  """

  alias BitActor.Analytics

  @file_name Path.join(__DIR__, "page.html")
  @external_resource @file_name
  @html File.read!(@file_name)

  hash = fn tag ->
    [_, text] = Regex.run(~r{<#{tag}>(.*)</#{tag}>}s, @html)
    "'sha256-#{Base.encode64(:crypto.hash(:sha256, text))}'"
  end

  @policy "default-src 'none'; style-src #{hash.("style")}; script-src #{hash.("script")}; " <>
            "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

  # How long a stream waits for a point before it looks whether the client is still there.
  @patience_ms 5_000

  @doc "Answers GET /analytics."
  @spec page(BitActor.HTTP.Request.t()) :: {200, list(), iodata()}
  def page(_request) do
    headers = [
      {"content-type", "text/html; charset=utf-8"},
      {"content-security-policy", @policy},
      {"referrer-policy", "no-referrer"}
    ]

    {200, headers, @html}
  end

  @doc "Answers GET /analytics/data: the points so far."
  @spec data(BitActor.HTTP.Request.t()) :: {200, list(), iodata()}
  def data(_request) do
    points = Enum.intersperse(Analytics.history(), ",")
    {200, [{"content-type", "application/json"}], [~s({"points":[), points, "]}\n"]}
  end

  @doc "Answers GET /analytics/events; 503 where there is nothing to follow."
  @spec events(BitActor.HTTP.Request.t()) ::
          {:stream, list(), (BitActor.HTTP.send_fun() -> term())} | {503, list(), iodata()}
  def events(_request) do
    if Process.whereis(Analytics),
      do: {:stream, [{"content-type", "text/event-stream"}], &stream/1},
      else: BitActor.HTTP.Response.plain(503)
  end

  defp stream(send) do
    monitor = Process.monitor(Analytics)
    points = Analytics.subscribe()
    history = ["event: history\ndata: [", Enum.intersperse(points, ","), "]\n\n"]

    with :ok <- send.(["retry: 2000\n", history]), do: follow(send, monitor)
  end

  # Ends with the client, the process that makes the points, or the node; the browser comes
  # back by itself.
  defp follow(send, monitor) do
    receive do
      {Analytics, text} -> forward(send, monitor, ["event: point\ndata: ", newest(text), "\n\n"])
      {:DOWN, ^monitor, :process, _, _} -> :ok
    after
      # A comment: tells a client that is gone from one that is quiet.
      @patience_ms -> forward(send, monitor, ": still here\n\n")
    end
  end

  defp forward(send, monitor, text) do
    if not BitActor.draining?() and send.(text) == :ok, do: follow(send, monitor), else: :ok
  end

  defp newest(text) do
    receive do
      {Analytics, newer} -> newest(newer)
    after
      0 -> text
    end
  end
end
