"""What have we seen?  Small hand-made traces, generated counterexamples and real records, each with its expected verdict."""
