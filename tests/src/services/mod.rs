//! Real servers of a test, each on a private port in a folder of its own.

pub mod chromium;
pub mod mosquitto;
pub mod otlp_sink;
pub mod postgres;
pub mod redis;

pub use mosquitto::Mosquitto;
pub use otlp_sink::OtlpSink;
pub use postgres::Postgres;
pub use redis::Redis;
