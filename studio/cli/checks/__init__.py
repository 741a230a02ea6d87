"""What ``studio doctor`` looks at, one module per subject; the standard library is enough."""
