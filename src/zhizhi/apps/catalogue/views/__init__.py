"""Pages of datasets, quarantine and uploads."""
