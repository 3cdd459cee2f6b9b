//! Statements, migrations and one contract suite for PostgreSQL and SQLite
