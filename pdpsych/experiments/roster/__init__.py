"""Who takes part in a study, in which sessions, and what each is asked."""
