-- 0401_live_totals: how a livestream stands outlives the process that holds it. Written behind, in
-- batches, by that process alone.
ALTER TABLE live.livestream
    ADD COLUMN viewers bigint NOT NULL DEFAULT 0 CHECK (viewers >= 0),
    -- The largest total that the source reported, and the likes of our own viewers.
    ADD COLUMN likes_reported bigint NOT NULL DEFAULT 0 CHECK (likes_reported >= 0),
    ADD COLUMN likes_own bigint NOT NULL DEFAULT 0 CHECK (likes_own >= 0),
    -- Milestones up to this many likes count as passed after a restart.
    ADD COLUMN likes_passed bigint NOT NULL DEFAULT 0 CHECK (likes_passed >= 0),
    -- Coins of gifts, without history.
    ADD COLUMN coins bigint NOT NULL DEFAULT 0 CHECK (coins >= 0),
    -- The last control event; null before the first.
    ADD COLUMN state text CHECK (length(state) <= 32);
