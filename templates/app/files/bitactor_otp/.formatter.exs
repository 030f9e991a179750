[
  inputs: [
    "{mix,.formatter}.exs",
    "{config,lib,test,rel}/**/*.{ex,exs}",
    "../test/**/*.{ex,exs}"
  ]
]
