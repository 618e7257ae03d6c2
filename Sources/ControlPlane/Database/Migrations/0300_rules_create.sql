-- 0300_rules_create: rules owns the rules of workspaces.
CREATE SCHEMA rules;

-- One row for each workspace that ever had a rule. Every change of its rules raises the revision,
-- which also puts simultaneous changes into one order.
CREATE TABLE rules.workspace (
    workspace_id uuid PRIMARY KEY,
    revision bigint NOT NULL CHECK (revision >= 1),
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE rules.rule (
    id uuid PRIMARY KEY,
    workspace_id uuid NOT NULL REFERENCES rules.workspace,
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 80),
    is_enabled boolean NOT NULL,
    priority integer NOT NULL CHECK (priority BETWEEN -1000 AND 1000),
    -- Trigger, conditions, actions and guards, as in the API.
    definition jsonb NOT NULL
        CHECK (jsonb_typeof(definition) = 'object' AND octet_length(definition::text) <= 131072),
    -- Grows with each change of the rule.
    version bigint NOT NULL DEFAULT 1 CHECK (version >= 1),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX rule_workspace ON rules.rule (workspace_id, id);
