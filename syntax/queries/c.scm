((function_definition declarator: (function_declarator declarator: (identifier) @name) body: (_) @body) @test
 (#match? @name "^test_|_test$"))
(function_definition declarator: (function_declarator declarator: (identifier) @name) body: (_) @body) @function
(function_definition declarator: (pointer_declarator (function_declarator declarator: (identifier) @name)) body: (_) @body) @function
(function_definition declarator: (pointer_declarator (pointer_declarator (function_declarator declarator: (identifier) @name))) body: (_) @body) @function
(declaration declarator: (function_declarator declarator: (identifier) @name)) @function
(declaration declarator: (pointer_declarator (function_declarator declarator: (identifier) @name))) @function
(declaration declarator: (pointer_declarator (pointer_declarator (function_declarator declarator: (identifier) @name)))) @function

(struct_specifier name: (type_identifier) @name body: (_) @body) @type
(union_specifier name: (type_identifier) @name body: (_) @body) @type
(enum_specifier name: (type_identifier) @name body: (_) @body) @type
(type_definition type: [
  (struct_specifier body: (_) @body)
  (union_specifier body: (_) @body)
  (enum_specifier body: (_) @body)
] declarator: (type_identifier) @name) @type
(type_definition type: (_) declarator: (type_identifier) @name) @type
(type_definition type: (_) declarator: (pointer_declarator (type_identifier) @name)) @type
(type_definition type: (_) declarator: (array_declarator declarator: (type_identifier) @name)) @type
(type_definition type: (_) declarator: (function_declarator declarator: (type_identifier) @name)) @type
(type_definition type: (_) declarator: (function_declarator
  declarator: (parenthesized_declarator (pointer_declarator (type_identifier) @name)))) @type

(preproc_def name: (identifier) @name value: (_)? @body) @macro
(preproc_function_def name: (identifier) @name value: (_)? @body) @macro
(enumerator name: (identifier) @name) @constant

(declaration declarator: (identifier) @name) @variable
(declaration declarator: (init_declarator declarator: (identifier) @name)) @variable
(declaration declarator: (pointer_declarator (identifier) @name)) @variable
(declaration declarator: (init_declarator declarator: (pointer_declarator (identifier) @name))) @variable
(declaration declarator: (array_declarator declarator: (identifier) @name)) @variable
(declaration declarator: (init_declarator declarator: (array_declarator declarator: (identifier) @name))) @variable
(declaration declarator: (pointer_declarator (array_declarator declarator: (identifier) @name))) @variable
(declaration declarator: (init_declarator declarator: (pointer_declarator (array_declarator declarator: (identifier) @name)))) @variable
(declaration declarator: (function_declarator
  declarator: (parenthesized_declarator (pointer_declarator (identifier) @name)))) @variable

(preproc_include path: (_) @import)
(comment) @comment
[(string_literal) (char_literal)] @string
[(identifier) (type_identifier) (field_identifier)] @reference

((preproc_if condition: (number_literal) @_zero) @skip (#eq? @_zero "0"))
