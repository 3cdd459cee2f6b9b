//! Harness and end-to-end journeys
