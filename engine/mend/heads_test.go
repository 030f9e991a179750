package mend

import "testing"

func TestHeads(t *testing.T) {
	const c = "#include \"a.h\"\n\n#include <stdlib.h>\n\nint f(void)\n{\n\treturn 0;\n}\n"
	const python = "import os\n\n\ndef f():\n    return 0\n"
	for name, test := range map[string]struct{ language, source, answer, definition, want string }{
		"C, a header that is not there": {
			"c", c, "#include \"a.h\"\n#include <ctype.h>\n# include  <stdlib.h>\n#include <string.h>\n#include <ctype.h>\n", "",
			"#include \"a.h\"\n\n#include <stdlib.h>\n#include <ctype.h>\n#include <string.h>\n\nint f(void)\n{\n\treturn 0;\n}\n",
		},
		"C, one of the project":        {"c", c, "#include \"b.h\"\n", "", c},
		"C, a file without any":        {"c", "int f(void);\n", "#include <ctype.h>\n", "", "int f(void);\n"},
		"Python, a name that is used":  {"python", python, "import re\nfrom math import pi as p, tau\n", "def f():\n    return re.escape(str(p))\n", "import os\nimport re\nfrom math import pi as p, tau\n\n\ndef f():\n    return 0\n"},
		"Python, one that is not":      {"python", python, "import re\n", "def f():\n    return score\n", python},
		"Python, one that is there":    {"python", python, "import  os\n", "def f():\n    return os.name\n", python},
		"Python, inside of a function": {"python", python, "def f():\n    import re\n    return re\n", "re", python},
		"another language":             {"go", "package p\n", "import \"os\"\n", "os", "package p\n"},
	} {
		t.Run(name, func(t *testing.T) {
			got := Heads(test.source, test.answer, test.definition, test.language)
			if got.Source != test.want {
				t.Errorf("got\n%s\nwant\n%s", got.Source, test.want)
			}
			if again := Heads(got.Source, test.answer, test.definition, test.language); again.Source != got.Source {
				t.Errorf("a second time changes it:\n%s", again.Source)
			}
		})
	}
}
