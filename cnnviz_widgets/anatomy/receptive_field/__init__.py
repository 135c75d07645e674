"""The pixels that each cell of a map sees: intervals followed through the operations, a rule for each kind."""
