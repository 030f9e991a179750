; See go.scm for what the captures mean. TypeScript is read with it too.

(binary_expression operator: ["==" "!=" "===" "!==" "<" "<=" ">" ">="] @compare) @comparison
(binary_expression operator: ["+" "-" "*" "/" "%" "&" "|" "^" "<<" ">>"] @arithmetic)
(binary_expression operator: ["&&" "||"] @logic)
(augmented_assignment_expression operator: ["+=" "-=" "*=" "/=" "%=" "&=" "|=" "^=" "<<=" ">>="] @assign)
(update_expression operator: ["++" "--"] @step)
(unary_expression operator: "!" argument: (_) @operand) @not
(if_statement condition: (parenthesized_expression (_) @condition))
(ternary_expression condition: (_) @condition)
(number) @number
[(true) (false)] @boolean
(return_statement (_) @value)
(arrow_function body: (expression) @value)
(expression_statement (call_expression function: (_) @callee)) @statement
(expression_statement [(assignment_expression) (augmented_assignment_expression) (update_expression) (await_expression)]) @statement
(throw_statement) @statement
