//! Wire types of aisle: ids, topics, envelope and payloads
