; See go.scm for what the captures mean.

(binary_operator operator: ["==" "!=" "===" "!==" "<" "<=" ">" ">="] @compare) @comparison
(binary_operator operator: ["+" "-" "*" "/" "++" "--"] @arithmetic)
(binary_operator operator: ["&&" "||" "and" "or"] @logic)
(unary_operator operator: ["!" "not"] operand: (_) @operand) @not
((call target: (identifier) @_if (arguments . (_) @condition)) (#any-of? @_if "if" "unless"))
(integer) @number
(boolean) @boolean
((call target: (identifier) @_def (do_block (_) @value .)) (#any-of? @_def "def" "defp"))
((call target: (identifier) @_def (arguments (keywords (pair value: (_) @value)))) (#any-of? @_def "def" "defp"))
(stab_clause right: (body (_) @value .))
((do_block (call target: (_) @callee) @statement . (_))
 (#not-match? @callee "^(def|test|describe|setup|use|import|alias|require|quote|receive)"))
((body (call target: (_) @callee) @statement . (_))
 (#not-match? @callee "^(quote|receive)"))
(unary_operator operator: "&" operand: (binary_operator operator: "/")) @skip
((unary_operator operator: "@" operand: (call target: (identifier) @_attribute)) @skip
 (#any-of? @_attribute "spec" "type" "typep" "opaque" "callback" "macrocallback" "doc" "moduledoc" "typedoc" "impl" "behaviour"))
((call target: (identifier) @_directive) @skip
 (#any-of? @_directive "use" "import" "alias" "require" "defstruct" "defdelegate"))
