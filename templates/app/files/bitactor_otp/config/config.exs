import Config

# Limits of the running system. Each is read once, when the process that uses it starts;
# config/runtime.exs (release) maps the environment onto the same keys.
config :bitactor,
  # supervision: restarts that the top supervisor takes within so many seconds
  max_restarts: 20,
  max_seconds: 60,
  # stop: how long requests are still taken after readiness went away, and how long
  # those in flight are waited for
  drain_delay_ms: 0,
  drain_timeout_ms: 25_000

config :logger, level: :info

if File.exists?(Path.join(__DIR__, "#{config_env()}.exs")) do
  import_config "#{config_env()}.exs"
end
