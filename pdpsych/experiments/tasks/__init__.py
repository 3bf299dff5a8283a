"""Types of trials: what is shown when, and what an answer means."""
