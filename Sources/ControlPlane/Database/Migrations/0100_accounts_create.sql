-- 0100_accounts_create: accounts owns people, their sessions, workspaces and members.
CREATE SCHEMA accounts;

CREATE TABLE accounts.account (
    id uuid PRIMARY KEY,
    -- Lower case, as it is compared.
    email text NOT NULL UNIQUE CHECK (length(email) BETWEEN 3 AND 254 AND email = lower(email)),
    handle text NOT NULL UNIQUE CHECK (handle ~ '^[a-z0-9_]{3,30}$'),
    display_name text NOT NULL CHECK (length(display_name) BETWEEN 1 AND 60),
    -- Argon2id in the PHC string format.
    password_hash text NOT NULL,
    platform_role text NOT NULL DEFAULT 'user'
        CHECK (platform_role IN ('user', 'creator', 'moderator', 'admin')),
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE accounts.session (
    id uuid PRIMARY KEY,
    account_id uuid NOT NULL REFERENCES accounts.account ON DELETE CASCADE,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    revoked_at timestamptz,
    revoked_reason text CHECK (revoked_reason IN ('logout', 'reuse', 'admin')),
    CHECK ((revoked_at IS NULL) = (revoked_reason IS NULL))
);

CREATE INDEX session_account ON accounts.session (account_id);

-- Each refresh token serves once; one that comes back after its use ends the session.
CREATE TABLE accounts.refresh_token (
    -- SHA-256 of the token.
    hash bytea PRIMARY KEY CHECK (length(hash) = 32),
    session_id uuid NOT NULL REFERENCES accounts.session ON DELETE CASCADE,
    created_at timestamptz NOT NULL DEFAULT now(),
    used_at timestamptz
);

CREATE INDEX refresh_token_session ON accounts.refresh_token (session_id);

-- Failed logins of the last quarter of an hour, by lower-case e-mail.
CREATE TABLE accounts.login_failure (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    email text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX login_failure_email ON accounts.login_failure (email, created_at);

CREATE TABLE accounts.workspace (
    id uuid PRIMARY KEY,
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 60),
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE accounts.member (
    workspace_id uuid NOT NULL REFERENCES accounts.workspace ON DELETE CASCADE,
    account_id uuid NOT NULL REFERENCES accounts.account ON DELETE CASCADE,
    role text NOT NULL CHECK (role IN ('owner', 'operator', 'watcher')),
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (workspace_id, account_id)
);

CREATE INDEX member_account ON accounts.member (account_id);

-- One-time logins: a link that an operator prints, or a signed-in person makes for another browser.
CREATE TABLE accounts.login_code (
    -- SHA-256 of the code.
    hash bytea PRIMARY KEY CHECK (length(hash) = 32),
    account_id uuid NOT NULL REFERENCES accounts.account ON DELETE CASCADE,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL
);
