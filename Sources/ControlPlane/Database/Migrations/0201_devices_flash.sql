-- 0201_devices_flash: firmware that people have agents flash, with how it ended. An order is written down
-- before it goes out; that it ended is written behind.
CREATE TABLE devices.flash (
    id uuid PRIMARY KEY,
    workspace_id uuid NOT NULL,
    device_id uuid NOT NULL,
    agent_id uuid NOT NULL,
    kind text NOT NULL,
    build text NOT NULL CHECK (build ~ '^[0-9a-f]{8}$'),
    -- What the board ran before.
    former_build text NOT NULL,
    ordered_by uuid NOT NULL,
    created_at timestamptz NOT NULL,
    -- 'waiting' until it has ended: how it goes on is not written down.
    status text NOT NULL CHECK (
        status IN ('waiting', 'flashed', 'refused', 'failed', 'put_back', 'stranded')),
    reason text NOT NULL,
    ended_at timestamptz,
    CHECK ((status = 'waiting') = (ended_at IS NULL))
);

CREATE INDEX flash_device ON devices.flash (device_id, id DESC);
