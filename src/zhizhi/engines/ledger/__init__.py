"""Append to a Merkle log, prove and verify: RFC 6962 trees in the tiles, checkpoints, cosignatures and receipts of C2SP."""
