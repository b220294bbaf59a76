"""The protocol's steps, one file per actor; each step cites the function, commit or clause that it stands for."""
