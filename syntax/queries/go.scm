; What the captures mean, in all files of this folder:
;
;   @function @method @type @module @constant @variable @test @macro
;                a definition, from its first word to its last byte; where two
;                patterns name the same one, the widest range and the kind of the
;                first pattern are taken
;   @scope       not a symbol, but the parent of those it holds
;   @name        the name of the definition or scope
;   @body        its body
;   @outer       the declaration around it, taken where it holds nothing else
;   @for         a second part of the name
;   @receiver    the type that a method outside of it belongs to
;   @params      the arguments, where they are counted
;   @attached    belongs to the definition below it
;   @comment @string @import @reference
;   @skip        keeps a test from running
;   @subtest     the name of a test that a test runs

((function_declaration
   name: (identifier) @name
   parameters: (parameter_list (parameter_declaration type: (_) @_t))
   body: (block)? @body) @test
 (#match? @name "^(Test|Benchmark|Fuzz)([^a-z]|$)")
 (#match? @_t "testing\\.[TBF]$"))
((function_declaration
   name: (identifier) @name
   parameters: (parameter_list) @_none
   body: (block) @body) @test
 (#match? @name "^Example([^a-z]|$)")
 (#eq? @_none "()"))
(function_declaration name: (identifier) @name body: (block)? @body) @function
(method_declaration
  receiver: (parameter_list (parameter_declaration type: [
    (type_identifier) @receiver
    (pointer_type (type_identifier) @receiver)
    (generic_type type: (type_identifier) @receiver)
    (pointer_type (generic_type type: (type_identifier) @receiver))
  ]))
  name: (field_identifier) @name
  body: (block)? @body) @method

(type_declaration (type_spec name: (type_identifier) @name type: (_) @body) @type) @outer
(type_declaration (type_alias name: (type_identifier) @name type: (_) @body) @type) @outer
(const_declaration (const_spec name: (identifier) @name) @constant) @outer
(var_declaration (var_spec name: (identifier) @name) @variable) @outer
(var_declaration (var_spec_list (var_spec name: (identifier) @name) @variable))

(import_spec path: (_) @import)
(comment) @comment
[(interpreted_string_literal) (raw_string_literal) (rune_literal)] @string
[(identifier) (type_identifier) (field_identifier)] @reference

((call_expression function: (selector_expression field: (field_identifier) @_f)) @skip
 (#any-of? @_f "Skip" "Skipf" "SkipNow"))
((comment) @skip (#match? @skip "^//(go:build|[ ]?\\+build) "))
((call_expression
   function: (selector_expression field: (field_identifier) @_f)
   arguments: (argument_list . [(interpreted_string_literal) (raw_string_literal)] @subtest))
 (#eq? @_f "Run"))
