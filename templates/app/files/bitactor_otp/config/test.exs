import Config

# Crashes are what many tests are about: their reports would bury the results.
config :logger, level: :critical

config :bitactor, drain_timeout_ms: 2_000

# Any free port: tests run beside a node, and beside each other.
config :bitactor, http_port: 0, http_ip: {127, 0, 0, 1}
