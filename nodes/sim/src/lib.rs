//! Seeded shoppers and devices that use the public interfaces only
