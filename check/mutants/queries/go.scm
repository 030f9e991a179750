; What the captures mean, in all files of this folder. Each but the last three
; is a place to mutate; the text of the capture says how.
;
;   @compare     an operator that compares; @comparison its whole expression
;   @arithmetic @logic @assign @step
;                an operator: a + b, a && b, a += b, a++
;   @condition   what decides a branch; swapping the branches is negating it
;   @not         a negation, of @operand
;   @number @boolean
;                a literal
;   @value       what a function gives back; @return the whole statement
;   @statement   can be left out
;   @callee      the function that @statement calls
;   @function    has the result types @result
;   @skip        nothing in it is mutated

(binary_expression operator: ["==" "!=" "<" "<=" ">" ">="] @compare) @comparison
(binary_expression operator: ["+" "-" "*" "/" "%" "&" "|" "^" "<<" ">>"] @arithmetic)
(binary_expression operator: ["&&" "||"] @logic)
(assignment_statement operator: ["+=" "-=" "*=" "/=" "%=" "&=" "|=" "^=" "<<=" ">>="] @assign)
(inc_statement "++" @step)
(dec_statement "--" @step)
(unary_expression operator: "!" operand: (_) @operand) @not
(if_statement condition: (_) @condition)
(int_literal) @number
[(true) (false)] @boolean
(return_statement (expression_list) @value) @return
(function_declaration result: (_) @result) @function
(method_declaration result: (_) @result) @function
(func_literal result: (_) @result) @function
(expression_statement) @statement
(expression_statement (call_expression function: (_) @callee)) @statement
(assignment_statement) @statement
(inc_statement) @statement
(dec_statement) @statement
(send_statement) @statement
(defer_statement) @statement
(go_statement) @statement
(array_type length: (_) @skip)
