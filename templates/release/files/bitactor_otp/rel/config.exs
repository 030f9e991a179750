# Releases of this project, evaluated by mix.exs:
#
#     releases: elem(Code.eval_file("rel/config.exs"), 0)
#
# The result is the list that `mix release` documents. Two steps are our own:
#
#   * raft: `ra` and what it needs are packed when they are on the code path of
#     the build (a dependency in the hex profile, ERL_LIBS in the otp profile).
#     Without them the release is one node on a durable log, and says so.
#   * drop_cookie: Mix writes a random cookie, readable by all, into the tree;
#     there it would be the same secret in every copy of the image. The cookie
#     comes from BITACTOR_COOKIE only.

raft =
  for app <- [:seshat, :gen_batch_server, :aten, :ra],
      path = :code.lib_dir(app),
      is_list(path),
      do: {app, :load}

drop_cookie = fn release ->
  File.rm!(Path.join(release.path, "releases/COOKIE"))
  release
end

[
  bitactor: [
    include_executables_for: [:unix],
    include_erts: true,
    strip_beams: true,
    applications: [{:bitactor, :permanent}, {:runtime_tools, :permanent} | raft],
    steps: [:assemble, drop_cookie, :tar]
  ]
]
