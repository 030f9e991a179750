(function_definition name: (word) @name body: (_) @body) @function
(declaration_command (variable_assignment name: (variable_name) @name)) @variable
(variable_assignment name: (variable_name) @name) @variable

((command name: (command_name) @_s . argument: (_) @import) (#any-of? @_s "source" "."))
(comment) @comment
[(string) (raw_string) (ansi_c_string) (translated_string) (heredoc_body)] @string
[(variable_name) (command_name (word))] @reference
