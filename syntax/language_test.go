package syntax

import "testing"

func TestOf(t *testing.T) {
	for _, test := range []struct{ path, head, want string }{
		{"a.go", "", "go"},
		{"dir.d/x.H", "", "c"},
		{"lib/a.ex", "", "elixir"},
		{"mix.exs", "", "elixir"},
		{"src/a.erl", "", "erlang"},
		{"include/a.hrl", "", "erlang"},
		{"a.py", "", "python"},
		{"a.jsx", "", "javascript"},
		{"a.mjs", "", "javascript"},
		{"a.ts", "", "typescript"},
		{"a.d.ts", "", "typescript"},
		{"a.tsx", "", "tsx"},
		{"a.rs", "", "rust"},
		{"run.bash", "", "shell"},
		{"bin/run", "#!/bin/sh\necho", "shell"},
		{"bin/run", "#!/usr/bin/env bash\r\n", "shell"},
		{"bin/run", "#!/usr/bin/env -S FOO=1 python3.11 -u\n", "python"},
		{"bin/run", "#! /usr/bin/node", "javascript"},
		{".bashrc", "#!/bin/bash", "shell"},
		{"bin/run", "#!/usr/bin/perl", ""},
		{"bin/run", "#!", ""},
		{"bin/run", "echo", ""},
		{"a.txt", "#!/bin/sh", ""},
		{"", "", ""},
	} {
		got := ""
		if l := Of(test.path, []byte(test.head)); l != nil {
			got = l.Name()
		}
		if got != test.want {
			t.Errorf("Of(%q, %q) = %q, want %q", test.path, test.head, got, test.want)
		}
	}
}

func TestLanguagesHaveNames(t *testing.T) {
	for _, l := range Languages() {
		if ByName(l.Name()) != l {
			t.Errorf("ByName(%q) is another language", l.Name())
		}
	}
	if ByName("cobol") != nil {
		t.Error("there is no cobol")
	}
}
