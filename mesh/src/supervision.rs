//! Actors that fail are built anew.
