"""Changes: screening, opening, dismissing, outcomes, drafts."""
