//! Pure rules of a store
