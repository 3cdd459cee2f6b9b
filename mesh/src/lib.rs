//! The sync protocol as state machines, the typed MQTT link, broker, supervision, telemetry and configuration
