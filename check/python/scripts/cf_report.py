"""Writes what the other scripts find, one record a line (see check/tool)."""


class Report:
    def __init__(self, path):
        self.file = open(path, "a", encoding="utf-8", errors="backslashreplace", newline="\n")

    def put(self, kind, *fields):
        self.file.write("\t".join([kind] + [self.escape(f) for f in fields]) + "\n")
        self.file.flush()

    @staticmethod
    def escape(field):
        text = "" if field is None else str(field)
        for raw, escaped in (("\\", "\\\\"), ("\t", "\\t"), ("\n", "\\n"), ("\r", "\\r")):
            text = text.replace(raw, escaped)
        return text
