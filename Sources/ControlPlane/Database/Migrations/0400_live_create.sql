-- 0400_live_create: live owns livestreams, which process holds each, and what happened in them.
CREATE SCHEMA live;

CREATE TABLE live.livestream (
    id uuid PRIMARY KEY,
    workspace_id uuid NOT NULL,
    title text NOT NULL CHECK (length(title) BETWEEN 1 AND 120),
    -- Where frames come from; viewers of our own are always heard.
    source text NOT NULL CHECK (source IN ('native', 'tiktok', 'replay')),
    -- The source's id of the host; empty if unknown.
    host_id text NOT NULL DEFAULT '' CHECK (length(host_id) <= 64),
    created_by uuid NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    ended_at timestamptz,
    -- The process that holds it in memory, and until when without renewing.
    lease_owner uuid,
    lease_expires_at timestamptz,
    CHECK ((lease_owner IS NULL) = (lease_expires_at IS NULL)),
    CHECK (ended_at IS NULL OR lease_owner IS NULL)
);

CREATE INDEX livestream_workspace ON live.livestream (workspace_id, id DESC);
CREATE INDEX livestream_lease ON live.livestream (lease_expires_at) WHERE ended_at IS NULL;

CREATE TABLE live.event (
    id uuid PRIMARY KEY,
    livestream_id uuid NOT NULL REFERENCES live.livestream ON DELETE CASCADE,
    kind text NOT NULL,
    viewer_id text NOT NULL,
    -- The whole event as it is on the wire.
    body jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX event_livestream ON live.event (livestream_id, id DESC);
