((call
   target: (identifier) @_def
   (arguments . (alias) @name)
   (do_block) @body) @module
 (#any-of? @_def "defmodule" "defprotocol"))
((call
   target: (identifier) @_def
   (arguments . (alias) @name (keywords (pair value: (alias) @for))?)
   (do_block) @body) @module
 (#eq? @_def "defimpl"))

; def name(...), def name(...) when ..., def name, def a + b
((call
   target: (identifier) @_def
   (arguments . [
     (call target: (identifier) @name (arguments) @params)
     (identifier) @name
     (binary_operator left: (call target: (identifier) @name (arguments) @params) operator: "when")
     (binary_operator left: (identifier) @name operator: "when")
   ] . (keywords (pair value: (_) @body))?)
   (do_block)? @body) @function
 (#any-of? @_def "def" "defp" "defdelegate"))
((call
   target: (identifier) @_def
   (arguments . [
     (call target: (identifier) @name (arguments) @params)
     (identifier) @name
     (binary_operator left: (call target: (identifier) @name (arguments) @params) operator: "when")
     (binary_operator left: (identifier) @name operator: "when")
   ] . (keywords (pair value: (_) @body))?)
   (do_block)? @body) @macro
 (#any-of? @_def "defmacro" "defmacrop" "defguard" "defguardp"))

((call
   target: (identifier) @_def
   (arguments . (binary_operator left: (identifier) operator: _ @name right: (identifier)) @params
     . (keywords (pair value: (_) @body))?)
   (do_block)? @body) @function
 (#any-of? @_def "def" "defp") (#not-eq? @name "when"))

((call target: (identifier) @name) @type
 (#any-of? @name "defstruct" "defexception"))
((unary_operator operator: "@" operand: (call
   target: (identifier) @_def
   (arguments . (binary_operator left: [(identifier) @name (call target: (identifier) @name)] right: (_) @body)))) @type
 (#any-of? @_def "type" "typep" "opaque"))
((unary_operator operator: "@" operand: (call
   target: (identifier) @_def
   (arguments . (binary_operator left: (call target: (identifier) @name (arguments) @params))))) @function
 (#any-of? @_def "callback" "macrocallback"))
((unary_operator operator: "@" operand: (call target: (identifier) @name (arguments) @body)) @constant
 (#not-any-of? @name "moduledoc" "doc" "typedoc" "spec" "type" "typep" "opaque" "callback" "macrocallback"
   "impl" "deprecated" "behaviour" "tag" "moduletag" "describetag" "dialyzer" "compile" "derive" "enforce_keys"
   "on_load" "on_definition" "before_compile" "after_compile" "after_verify" "external_resource" "vsn" "since"
   "optional_callbacks" "protocol" "for" "file" "fallback_to_any" "shortdoc" "requirements" "recursive" "capture_log"))

((call
   target: (identifier) @_def
   (arguments . (string) @name)
   (do_block)? @body) @test
 (#any-of? @_def "test" "describe" "property"))

((unary_operator operator: "@" operand: (call target: (identifier) @_a)) @attached
 (#any-of? @_a "doc" "typedoc" "spec" "impl" "deprecated" "tag" "dialyzer" "since" "enforce_keys" "derive"))

((call target: (identifier) @_i (arguments . (alias) @import))
 (#any-of? @_i "alias" "import" "use" "require"))
((call target: (identifier) @_i (arguments . (dot) @import))
 (#any-of? @_i "alias" "import" "use" "require"))
(comment) @comment
[(string) (charlist) (sigil) (quoted_atom)] @string
[(identifier) (alias)] @reference

((unary_operator operator: "@" operand: (call target: (identifier) @_a (arguments) @_v)) @skip
 (#any-of? @_a "tag" "moduletag" "describetag")
 (#match? @_v "^\\(?:?(skip|exclude)"))
