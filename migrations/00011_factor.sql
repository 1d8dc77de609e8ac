-- +goose Up

-- The second factor of a device that is to take another's place. Until it is confirmed the one before it counts.
ALTER TABLE totp
    ADD COLUMN next_key_id text,
    ADD COLUMN next_sealed bytea,
    ADD COLUMN next_at     timestamptz,
    ADD CONSTRAINT totp_next CHECK ((next_key_id IS NULL) = (next_sealed IS NULL) AND (next_key_id IS NULL) = (next_at IS NULL));
