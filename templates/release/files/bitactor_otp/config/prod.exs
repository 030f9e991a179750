import Config

# Evaluated when the release is built, so nothing here is secret and nothing
# depends on the machine it will run on: see config/runtime.exs for that.

# One handler of our own, added by BitActor.start/2, in place of Logger's.
# Elixir 1.14 turns its own off by `backends`, later versions by
# `default_handler`.
config :logger, backends: [], default_handler: false, level: :info

# One JSON object a line where the telemetry block is there.
formatter =
  if File.exists?(Path.expand("../lib/bitactor/log_formatter.ex", __DIR__)),
    do: {BitActor.LogFormatter, %{}},
    else: {:logger_formatter, %{single_line: true}}

# Logging never stops the system. Above `drop_mode_qlen` waiting events new ones
# are dropped, above `flush_qlen` all that wait are. A burst of more than 1,000
# a second is cut; a handler that needs more than 64 MiB is started afresh.
# `sync_mode_qlen` makes the callers wait a little before that.
config :bitactor, :logger, [
  {:handler, :default, :logger_std_h,
   %{
     config: %{
       type: :standard_io,
       sync_mode_qlen: 10,
       drop_mode_qlen: 200,
       flush_qlen: 1_000,
       burst_limit_enable: true,
       burst_limit_max_count: 1_000,
       burst_limit_window_time: 1_000,
       overload_kill_enable: true,
       overload_kill_mem_size: 64 * 1024 * 1024,
       overload_kill_restart_after: 1_000
     },
     formatter: formatter,
     # Given whole, as the default ones of this handler let only OTP's own
     # events pass. Left out are other nodes' events, which those nodes log
     # themselves, and one report for each process that a supervisor starts.
     filter_default: :log,
     filters: [
       remote_gl: {&:logger_filters.remote_gl/2, :stop},
       progress: {&:logger_filters.progress/2, :stop}
     ]
   }}
]
