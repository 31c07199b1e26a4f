"""The command line: one module per subcommand, thin; ``main`` lists them."""
