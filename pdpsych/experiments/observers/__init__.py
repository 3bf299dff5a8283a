"""Who answers trials: what observers have in common, and those that are simulated."""
