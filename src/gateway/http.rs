//! The generic HTTP gateway.
