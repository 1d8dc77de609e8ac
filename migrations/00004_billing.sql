-- +goose Up

-- How an organization stands with its bills. One without a row is exempt: a deployment for one's own warehouse.
CREATE TABLE billing (
    org_id         bigint PRIMARY KEY REFERENCES organization,
    standing       text NOT NULL CHECK (standing IN ('exempt', 'active', 'trialing', 'past_due', 'suspended', 'canceled')),
    trial_ends_at  timestamptz,
    past_due_since timestamptz,
    grace_days     integer CHECK (grace_days BETWEEN 0 AND 365),
    changed_at     timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT billing_trial CHECK ((standing = 'trialing') = (trial_ends_at IS NOT NULL)),
    CONSTRAINT billing_past_due CHECK ((standing = 'past_due') = (past_due_since IS NOT NULL)),
    CONSTRAINT billing_grace CHECK ((past_due_since IS NULL) = (grace_days IS NULL))
);
COMMENT ON COLUMN billing.grace_days IS 'days after past_due_since, in the organization''s time zone, of which the last is the last of grace';

-- Raised by each change of an organization's settings (name, time zone, formats of bags): a change that was made looking
-- at an older version is refused.
ALTER TABLE organization ADD COLUMN settings_version bigint NOT NULL DEFAULT 1;
