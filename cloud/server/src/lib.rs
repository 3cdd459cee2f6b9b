//! A cloud instance
