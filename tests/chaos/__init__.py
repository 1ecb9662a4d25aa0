"""Nothing is lost, nothing happens twice: real processes, real faults, and a checker that counts what happened."""
