//! The store node
