; See go.scm for what the captures mean.

(comparison_operator operators: _ @compare) @comparison
(binary_operator operator: _ @arithmetic)
(boolean_operator operator: _ @logic)
(augmented_assignment operator: _ @assign)
(not_operator argument: (_) @operand) @not
(if_statement condition: (_) @condition)
(elif_clause condition: (_) @condition)
(conditional_expression (_) . (_) @condition . (_))
(if_clause (_) @condition)
(integer) @number
[(true) (false)] @boolean
(return_statement (_) @value)
(expression_statement (call function: (_) @callee)) @statement
(expression_statement (augmented_assignment)) @statement
(expression_statement (assignment left: [(attribute) (subscript)])) @statement
(raise_statement) @statement
(delete_statement) @statement
(type) @skip
