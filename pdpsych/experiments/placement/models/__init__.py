"""Trials placed by what they tell about which model people are nearest to."""
