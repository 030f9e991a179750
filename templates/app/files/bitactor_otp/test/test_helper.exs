# :load and :integration have their own folders, :slow runs with `mix test --include slow`.
ExUnit.start(exclude: [:load, :integration, :slow], capture_log: true)
