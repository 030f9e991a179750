(export_statement declaration: (function_declaration name: (identifier) @name body: (_) @body)) @function
(function_declaration name: (identifier) @name body: (_) @body) @function
(export_statement declaration: (generator_function_declaration name: (identifier) @name body: (_) @body)) @function
(generator_function_declaration name: (identifier) @name body: (_) @body) @function
(export_statement declaration: (class_declaration name: (type_identifier) @name body: (_) @body)) @type
(class_declaration name: (type_identifier) @name body: (_) @body) @type
(method_definition name: (_) @name body: (_) @body) @method
(public_field_definition name: (_) @name value: [(arrow_function body: (_) @body) (function_expression body: (_) @body)]) @method
(public_field_definition name: (_) @name) @variable

(export_statement declaration: (lexical_declaration
  (variable_declarator name: (identifier) @name
    value: [(arrow_function body: (_) @body) (function_expression body: (_) @body)]) @function)) @outer
(lexical_declaration
  (variable_declarator name: (identifier) @name
    value: [(arrow_function body: (_) @body) (function_expression body: (_) @body)]) @function) @outer
(variable_declaration
  (variable_declarator name: (identifier) @name
    value: [(arrow_function body: (_) @body) (function_expression body: (_) @body)]) @function) @outer
(export_statement declaration: (lexical_declaration kind: "const" (variable_declarator name: (identifier) @name) @constant)) @outer
(lexical_declaration kind: "const" (variable_declarator name: (identifier) @name) @constant) @outer
(export_statement declaration: (lexical_declaration (variable_declarator name: (identifier) @name) @variable)) @outer
(lexical_declaration (variable_declarator name: (identifier) @name) @variable) @outer
(variable_declaration (variable_declarator name: (identifier) @name) @variable) @outer
(expression_statement (assignment_expression
  left: (member_expression property: (property_identifier) @name)
  right: [(arrow_function body: (_) @body) (function_expression body: (_) @body)])) @function

((expression_statement (call_expression
   function: [
     (identifier) @_f
     (member_expression object: (identifier) @_f)
     (call_expression function: (member_expression object: (identifier) @_f))
   ]
   arguments: (arguments . [(string) (template_string)] @name
     [(arrow_function body: (_) @body) (function_expression body: (_) @body)]?))) @test
 (#any-of? @_f "describe" "it" "test" "suite" "xit" "xtest" "xdescribe" "fit" "fdescribe"))

(decorator) @attached
(import_statement source: (string) @import)
(export_statement source: (string) @import)
((call_expression function: (identifier) @_r arguments: (arguments . (string) @import)) (#eq? @_r "require"))
((call_expression function: (import) arguments: (arguments . (string) @import)))
(comment) @comment
[(string) (template_string) (regex)] @string
[(identifier) (property_identifier) (shorthand_property_identifier) (private_property_identifier)] @reference

((call_expression function: (member_expression object: (identifier) @_f property: (property_identifier) @_p)) @skip
 (#any-of? @_f "describe" "it" "test" "suite" "t") (#any-of? @_p "skip" "todo" "only" "skipIf" "failing"))
((call_expression function: (identifier) @_f) @skip
 (#any-of? @_f "xit" "xtest" "xdescribe" "fit" "fdescribe"))

; What TypeScript adds.
(export_statement declaration: (abstract_class_declaration name: (type_identifier) @name body: (_) @body)) @type
(abstract_class_declaration name: (type_identifier) @name body: (_) @body) @type
(export_statement declaration: (interface_declaration name: (type_identifier) @name body: (_) @body)) @type
(interface_declaration name: (type_identifier) @name body: (_) @body) @type
(export_statement declaration: (type_alias_declaration name: (type_identifier) @name value: (_) @body)) @type
(type_alias_declaration name: (type_identifier) @name value: (_) @body) @type
(export_statement declaration: (enum_declaration name: (identifier) @name body: (_) @body)) @type
(enum_declaration name: (identifier) @name body: (_) @body) @type
(export_statement declaration: (internal_module name: (_) @name body: (_) @body)) @module
(expression_statement (internal_module name: (_) @name body: (_) @body)) @module
(internal_module name: (_) @name body: (_) @body) @module
(module name: (_) @name body: (_) @body) @module
(ambient_declaration (function_signature name: (identifier) @name)) @function
(export_statement declaration: (function_signature name: (identifier) @name)) @function
(function_signature name: (identifier) @name) @function
(abstract_method_signature name: (_) @name) @method
(method_signature name: (_) @name) @method
(import_require_clause source: (string) @import)
(type_identifier) @reference
