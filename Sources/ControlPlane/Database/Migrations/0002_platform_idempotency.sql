-- 0002_platform_idempotency: answers that are given again when a client repeats a request.
CREATE TABLE platform.idempotency (
    subject text NOT NULL CHECK (length(subject) <= 100),
    operation text NOT NULL CHECK (length(operation) <= 600),
    key text NOT NULL CHECK (length(key) <= 128),
    body_sha256 bytea NOT NULL CHECK (length(body_sha256) = 32),
    created_at timestamptz NOT NULL DEFAULT now(),
    -- Null while the first request has not been answered.
    status integer,
    content_type text,
    body bytea,
    PRIMARY KEY (subject, operation, key)
);

CREATE INDEX idempotency_created_at ON platform.idempotency (created_at);
