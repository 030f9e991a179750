(decorated_definition
  definition: (function_definition name: (identifier) @name body: (block) @body)) @outer
((function_definition name: (identifier) @name body: (block) @body) @test (#match? @name "^test"))
(function_definition name: (identifier) @name body: (block) @body) @function
(decorated_definition definition: (class_definition name: (identifier) @name body: (block) @body) @type) @outer
(class_definition name: (identifier) @name body: (block) @body) @type
((assignment left: (identifier) @name) @constant (#match? @name "^_?[A-Z][A-Z0-9_]*$"))
(assignment left: (identifier) @name) @variable

(decorator) @attached
(import_statement name: (dotted_name) @import)
(import_statement name: (aliased_import name: (dotted_name) @import))
(import_from_statement module_name: (_) @import)
(comment) @comment
(string) @string
(identifier) @reference

((decorator) @skip (#match? @skip "(mark\\.(skip|skipif|xfail)|unittest\\.(skip|expectedFailure))"))
((call function: (attribute object: (identifier) @_o attribute: (identifier) @_f)) @skip
 (#any-of? @_o "pytest" "self") (#any-of? @_f "skip" "skipTest" "importorskip" "xfail" "exit"))
((assignment left: (identifier) @_l right: (_) @_r) @skip
 (#eq? @_l "pytestmark") (#match? @_r "mark\\.(skip|skipif|xfail)"))
