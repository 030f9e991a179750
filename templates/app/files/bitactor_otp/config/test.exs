import Config

# Crashes are what many tests are about: their reports would bury the results.
config :logger, level: :critical

config :bitactor, drain_timeout_ms: 2_000
