"""Releases: version folders that nobody edits, a ledger of them, and the moves between them.

`ledger` is where to begin; `version_folder` writes and checks a release's files, `store` and `tables` keep its rows,
and `rollout` has servers load what the ledger decided.
"""
