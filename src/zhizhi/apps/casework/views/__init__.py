"""Pages of cases: the doors of the day, the list, one case, the working calendar."""
