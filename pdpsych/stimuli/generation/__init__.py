"""From a recipe to a stimulus set: units of work, who makes them, how they are joined."""
