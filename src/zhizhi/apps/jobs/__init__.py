"""Work that runs behind the pages: who holds which job, until when, and what is done again and again."""
