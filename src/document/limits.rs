//! Budgets for texts from outside: large enough for every real file, small enough that no text of four megabytes
//! can take gigabytes or overflow the stack.

/// Longest text, in bytes.
pub const MAX_BYTES: usize = 4 << 20;

/// Deepest nesting of sequences and mappings, aliases expanded. Trees are dropped and cloned recursively, so this
/// bounds the stack as well.
pub const MAX_DEPTH: usize = 96;

/// Deepest nesting of a typed file; deserialisers recurse with large stack frames.
pub const MAX_TYPED_DEPTH: usize = 64;

/// Most nodes of one text, aliases and anchors expanded. A billion-laughs text stops here.
pub const MAX_NODES: usize = 250_000;

/// Most bytes of keys and scalars of one text, aliases and anchors expanded.
pub const MAX_SCALAR_BYTES: usize = 32 << 20;
