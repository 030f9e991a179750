Code.require_file("../../bitactor_otp/test/test_helper.exs", __DIR__)

# Compiled once, for both tests; the load test sends the object code to its peers.
beams = Code.compile_file("measures.exs", __DIR__)
:persistent_term.put({BitActor.Load, :beams}, beams)
