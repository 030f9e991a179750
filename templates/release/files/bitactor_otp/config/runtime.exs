import Config

# Evaluated when a release boots. Elsewhere (mix test, iex -S mix) the defaults
# in the code and in config/*.exs hold.
if config_env() == :prod do
  case BitActor.Environment.read(System.get_env()) do
    {:ok, settings, level} ->
      config :bitactor, settings
      config :logger, level: level

    {:error, messages} ->
      # One line for each variable, and the status of env.sh (EX_CONFIG). An
      # exception would add a stack trace and the VM's own terminating message.
      for message <- messages, do: IO.puts(:stderr, "bitactor: #{message}")
      System.halt(78)
  end
end
