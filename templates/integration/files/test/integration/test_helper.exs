# Loaded by `mix test` after the project's own. The integration tests run with
#
#     mix test --include integration
#
# Those over several nodes need the application ra on the code path. Where it is not there they
# are skipped, and this says so; with BITACTOR_REQUIRE_RA=1 they fail instead.
Code.require_file("three_nodes.exs", __DIR__)

unless BitActor.Consensus.ra?() do
  IO.puts(:stderr, """
  integration: the tests over three nodes are NOT RUN: the application ra is not on the code \
  path (the hex profile has it as a dependency; in the otp profile ERL_LIBS must name its folder)
  """)
end
