Code.require_file("../../bitactor_otp/test/test_helper.exs", __DIR__)
