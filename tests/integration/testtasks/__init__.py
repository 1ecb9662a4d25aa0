"""An application of tasks for the tests of the ledger: nothing but effects that a test can count."""
