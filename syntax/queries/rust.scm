((attribute_item (attribute . (_) @_a))
 . (function_item name: (identifier) @name body: (block) @body) @test
 (#match? @_a "^(test|bench|[a-z_]+::test|rstest|proptest)$"))
((attribute_item (attribute . (_) @_a))
 . (attribute_item)
 . (function_item name: (identifier) @name body: (block) @body) @test
 (#match? @_a "^(test|bench|[a-z_]+::test|rstest|proptest)$"))
(function_item name: (identifier) @name body: (block) @body) @function
(function_signature_item name: (identifier) @name) @function
(struct_item name: (type_identifier) @name body: (_)? @body) @type
(enum_item name: (type_identifier) @name body: (_) @body) @type
(union_item name: (type_identifier) @name body: (_) @body) @type
(trait_item name: (type_identifier) @name body: (_) @body) @type
(type_item name: (type_identifier) @name) @type
(associated_type name: (type_identifier) @name) @type
(impl_item type: [
  (type_identifier) @name
  (generic_type type: (type_identifier) @name)
  (scoped_type_identifier name: (type_identifier) @name)
  (reference_type type: (type_identifier) @name)
] body: (_) @body) @scope
(mod_item name: (identifier) @name body: (_)? @body) @module
(const_item name: (identifier) @name) @constant
(static_item name: (identifier) @name) @variable
(macro_definition name: (identifier) @name) @macro

(attribute_item) @attached
(use_declaration argument: (_) @import)
(extern_crate_declaration name: (_) @import)
[(line_comment) (block_comment)] @comment
[(string_literal) (raw_string_literal) (char_literal)] @string
[(identifier) (type_identifier) (field_identifier)] @reference

((attribute_item (attribute . (identifier) @_a)) @skip (#eq? @_a "ignore"))
((attribute_item) @skip (#match? @skip "^#\\[cfg\\((any|all|not|feature)"))
