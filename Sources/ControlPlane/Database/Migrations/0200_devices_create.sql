-- 0200_devices_create: devices owns agents and their tokens, devices, commands and the E-stop.
CREATE SCHEMA devices;

CREATE TABLE devices.agent_token (
    id uuid PRIMARY KEY,
    workspace_id uuid NOT NULL,
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 60),
    -- SHA-256 of the token, which is shown once and not kept.
    hash bytea NOT NULL UNIQUE CHECK (length(hash) = 32),
    created_by uuid NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    revoked_at timestamptz,
    used_at timestamptz,
    agent_id uuid,
    CHECK ((used_at IS NULL) = (agent_id IS NULL))
);

CREATE INDEX agent_token_workspace ON devices.agent_token (workspace_id, id);

CREATE TABLE devices.agent (
    id uuid PRIMARY KEY,
    workspace_id uuid NOT NULL,
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 60),
    platform text NOT NULL DEFAULT '' CHECK (length(platform) <= 60),
    -- Ed25519, 32 bytes; the private half never leaves the agent.
    public_key bytea NOT NULL UNIQUE CHECK (length(public_key) = 32),
    -- Credentials carry it; revocation raises it.
    epoch bigint NOT NULL DEFAULT 1 CHECK (epoch >= 1),
    -- Grows with each change of the wanted stop state.
    stop_sequence bigint NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now(),
    revoked_at timestamptz,
    seen_at timestamptz
);

CREATE INDEX agent_workspace ON devices.agent (workspace_id, id);

CREATE TABLE devices.device (
    id uuid PRIMARY KEY,
    workspace_id uuid NOT NULL,
    agent_id uuid NOT NULL REFERENCES devices.agent ON DELETE CASCADE,
    board_uid text NOT NULL CHECK (board_uid ~ '^[0-9a-f]{16}$'),
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 60),
    manifest jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    -- A board that moves to another computer of the workspace stays the same device.
    UNIQUE (workspace_id, board_uid)
);

CREATE INDEX device_agent ON devices.device (agent_id);

CREATE TABLE devices.command (
    id uuid PRIMARY KEY,
    workspace_id uuid NOT NULL,
    device_id uuid NOT NULL,
    -- Null for a command that a person gave.
    cue_id uuid,
    rule_id uuid,
    event_id uuid,
    channel text NOT NULL,
    operation jsonb NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    status text NOT NULL
        CHECK (status IN ('executed', 'rejected', 'expired', 'failed', 'cancelled')),
    reason text NOT NULL,
    detail text NOT NULL,
    ended_at timestamptz NOT NULL,
    trace jsonb NOT NULL
);

CREATE INDEX command_workspace ON devices.command (workspace_id, id DESC);

-- What is stopped now: a whole workspace, an agent, or a device.
CREATE TABLE devices.stop (
    target_id uuid PRIMARY KEY,
    scope text NOT NULL CHECK (scope IN ('workspace', 'agent', 'device')),
    workspace_id uuid NOT NULL,
    stopped_by uuid,
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX stop_workspace ON devices.stop (workspace_id);
