"""Things for sale, each with its picture (see examples/README.md)."""
