"""Say which step may follow which, who may take it, what its form lacks, and when it is overdue."""
