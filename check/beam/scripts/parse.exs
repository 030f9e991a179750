# parse.exs REPORT LIST: parses the files that LIST names, without running them.
[report, list] = System.argv()
device = Cf.Report.open(report)
version = "#{System.version()} (OTP #{:erlang.system_info(:otp_release)})"
Cf.Report.put(device, "version", [version])
Cf.Report.put(device, "cover", [to_string(:code.which(:cover) != :non_existing)])

message = fn
  {before, rest}, token -> "#{before}#{token}#{rest}"
  text, token -> "#{text}#{token}"
end

for file <- String.split(File.read!(list), "\n", trim: true) do
  source = File.read!(file)

  if String.valid?(source) do
    case Code.string_to_quoted(source, file: file, columns: true, emit_warnings: false) do
      {:ok, _} ->
        :ok

      {:error, {place, text, token}} ->
        line = if is_list(place), do: place[:line], else: place
        column = if is_list(place), do: place[:column] || 0, else: 0
        Cf.Report.put(device, "diagnostic", ["error", file, line, column, message.(text, token)])
    end
  else
    Cf.Report.put(device, "diagnostic", ["error", file, 0, 0, "the file is not UTF-8"])
  end
end

Cf.Report.put(device, "done", [])
