//! The `jiaoying` command.

fn main() {}
