; See go.scm for what the captures mean.

(binary_expression operator: ["==" "!=" "<" "<=" ">" ">="] @compare) @comparison
(binary_expression operator: ["+" "-" "*" "/" "%" "&" "|" "^" "<<" ">>"] @arithmetic)
(binary_expression operator: ["&&" "||"] @logic)
(compound_assignment_expr operator: ["+=" "-=" "*=" "/=" "%=" "&=" "|=" "^=" "<<=" ">>="] @assign)
(unary_expression "!" (_) @operand) @not
(if_expression condition: (_) @condition)
(integer_literal) @number
(boolean_literal) @boolean
(return_expression (_) @value)
(function_item return_type: (_) body: (block (_) @value .))
(expression_statement (call_expression function: (_) @callee)) @statement
(expression_statement (macro_invocation macro: (_) @callee)) @statement
(expression_statement [(assignment_expression) (compound_assignment_expr)]) @statement
(array_type length: (_) @skip)
(attribute_item) @skip
