"""Real processes for integration tests: services, web, workers, relay, beat, on a data folder of their own."""
