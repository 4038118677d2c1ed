"""Store: the ledger of scans, pages, documents and decisions. Only the runner writes to it."""
