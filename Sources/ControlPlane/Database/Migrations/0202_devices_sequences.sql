-- 0202_devices_sequences: steps that boards do by their own clock.
CREATE TABLE devices.sequence (
    device_id uuid NOT NULL REFERENCES devices.device ON DELETE CASCADE,
    number int NOT NULL CHECK (number BETWEEN 0 AND 254),
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 40),
    steps jsonb NOT NULL,
    -- Grows with each change, also over a deletion, so that an agent's word about it is never about another one.
    revision bigint NOT NULL,
    updated_by uuid NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (device_id, number)
);
