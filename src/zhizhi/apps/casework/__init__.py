"""Cases from opening to close."""
