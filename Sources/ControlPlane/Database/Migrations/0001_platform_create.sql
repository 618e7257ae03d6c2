-- The record of which migrations this database has seen.
CREATE SCHEMA platform;

CREATE TABLE platform.migrations (
    number integer PRIMARY KEY CHECK (number BETWEEN 1 AND 9999),
    name text NOT NULL UNIQUE,
    sha256 bytea NOT NULL CHECK (octet_length(sha256) = 32),
    duration_ms bigint NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
