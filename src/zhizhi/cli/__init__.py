"""From argv to the engines and back."""
