# :load, :integration and :availability have their own folders, :slow runs with
# `mix test --include slow`.

# Where no data folder is configured the application makes one of this VM's own.
ExUnit.after_suite(fn _ ->
  _ = Application.stop(:bitactor)
  File.rm_rf!(Path.join(System.tmp_dir!(), "bitactor-#{System.pid()}"))
end)

# A message that must come may take its time where other work has the cores.
ExUnit.start(
  exclude: [:load, :integration, :availability, :slow],
  capture_log: true,
  assert_receive_timeout: 5_000
)
