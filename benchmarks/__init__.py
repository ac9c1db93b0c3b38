"""What the stack costs, as parts of a bare Flask request measured in the same run."""
