; See go.scm for what the captures mean.

(binary_expression operator: ["==" "!=" "<" "<=" ">" ">="] @compare) @comparison
(binary_expression operator: ["+" "-" "*" "/" "%" "&" "|" "^" "<<" ">>"] @arithmetic)
(binary_expression operator: ["&&" "||"] @logic)
(assignment_expression operator: ["+=" "-=" "*=" "/=" "%=" "&=" "|=" "^=" "<<=" ">>="] @assign)
(update_expression operator: ["++" "--"] @step)
(unary_expression operator: "!" argument: (_) @operand) @not
(if_statement condition: (parenthesized_expression (_) @condition))
(conditional_expression condition: (_) @condition)
(number_literal) @number
[(true) (false)] @boolean
(return_statement (_) @value)
(expression_statement (call_expression function: (_) @callee)) @statement
(expression_statement (assignment_expression)) @statement
(expression_statement (update_expression)) @statement
(array_declarator size: (_) @skip)
(preproc_if condition: (_) @skip)
(preproc_elif condition: (_) @skip)
(bitfield_clause) @skip
