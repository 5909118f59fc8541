"""The labels that an entity may have, one module each. Adding a module adds a label (`handoff.prd_labels`)."""
