"""The widgets that a person displays: each is one question, all are made of the same parts around one session."""
