"""Settings, urls, base templates, static files and error pages: HTTP to services and back."""
