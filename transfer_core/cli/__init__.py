"""A function per command that returns its answer, and one, `show_...`, that says it to a person."""
